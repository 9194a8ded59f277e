package usrmerge

// How an entry comes to its new place.
const (
	HowLink   = "link"   // a hard link to the same file
	HowCopy   = "copy"   // a copy on the other device
	HowCarry  = "carry"  // the folder goes over whole
	HowFolder = "folder" // a folder is made, its entries follow
	HowTake   = "take"   // takes the place of a symlink in /usr that led to it or nowhere
	HowRelink = "relink" // a symlink that gets another text, see Relinks
)

// States of a top folder.
const (
	StateMerged  = "merged"  // leads into /usr
	StateAbsent  = "absent"  // is not there: nothing to do
	StateMerge   = "merge"   // a folder, to be merged
	StateAlias   = "alias"   // a symlink to another of them, to be re-pointed
	StateRefused = "refused" // stays as it is, see Refusals
)

// Op is one entry that gets a name below /usr.
type Op struct {
	Path string `json:"path"` // old path below the root: lib/modules
	To   string `json:"to"`   // new path below the root: usr/lib/modules
	How  string `json:"how"`
}

// Relink is a symlink whose text would mean something else in its new place.
type Relink struct {
	Path string `json:"path"` // new path below the root
	From string `json:"from"` // the text it has, "" for a link that is new
	Text string `json:"text"` // the text it gets
}

// Orphan is an entry that gives way to another: what the old place has
// differently, or a dangling symlink of /usr in whose place something comes.
type Orphan struct {
	Path string `json:"path"` // below the root
	To   string `json:"to"`   // below the root
	Why  string `json:"why"`
}

// Difference is a folder on both sides that differs in mode, owner or
// attributes, or a name of an alias that differs; what /usr has stays.
type Difference struct {
	Path string `json:"path"`
	Why  string `json:"why"`
}

// Refusal is why one top folder is not merged. The others are.
type Refusal struct {
	Dir  string `json:"dir"`  // bin, lib …; "" when it is about the whole root
	Path string `json:"path"` // what stands in the way, below the root; "" for the root itself
	Why  string `json:"why"`
	Hint string `json:"hint"` // what to do
}

// said is the reason with the path as people know it.
func (r *Refusal) said() string { return shown(r.Path) + " " + r.Why }

// DirPlan is what becomes of one top folder.
type DirPlan struct {
	Name   string `json:"name"`
	State  string `json:"state"`
	Target string `json:"target"` // the text of its symlink afterwards, or now
}

// Plan is what a merge would do. It is pure: making it changes nothing.
type Plan struct {
	// Merged means that there is nothing to do.
	Merged      bool         `json:"merged"`
	Dirs        []DirPlan    `json:"dirs"`
	Moves       []Op         `json:"moves"`
	Folds       []string     `json:"folds"` // old paths whose twin in /usr is equal
	Relinks     []Relink     `json:"relinks"`
	Regenerated []string     `json:"regenerated"` // module indexes, new paths
	Orphans     []Orphan     `json:"orphans"`
	Differs     []Difference `json:"differs"`
	Refusals    []Refusal    `json:"refusals"`
	Bytes       int64        `json:"bytes"`   // to be copied
	Seconds     float64      `json:"seconds"` // estimated

	found *Found
	work  bool
}
