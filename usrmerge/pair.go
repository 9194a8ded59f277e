package usrmerge

// act is what becomes of an entry; a set of them says what is still to do below
// a folder.
type act uint32

const (
	actDone     act = 0         // the new place has it already
	actInto     act = 1 << iota // a folder on both sides: its entries decide
	actFold                     // the twin is equal, the old one goes
	actFolder                   // a folder is made
	actMirror                   // a folder is made beside the symlink that leads back to it
	actLink                     // a hard link, on another device a copy
	actRelink                   // a symlink with another text is made
	actTake                     // takes the place of the symlink that led to it
	actDisplace                 // takes the place of a dangling symlink, which is an orphan
	actCarry                    // the folder goes over whole
	actOrphan                   // /usr keeps its own, this one is an orphan
	actSettled                  // is an orphan already
	actIndex                    // a module index: takes the place of the other
	actAlias                    // the target of an alias: a symlink to it is made
	actDiffers                  // the same, but /usr has something else
	actRefuse                   // stands in the way of the whole top folder
)

// works are the acts that change the disk.
const works = actFolder | actMirror | actLink | actRelink | actTake | actDisplace | actCarry | actOrphan | actIndex | actAlias

// pair is all that decides between an old path and the twin at its new place.
type pair struct {
	o, n  kind
	same  bool // one inode, and a symlink's text is right in both places
	stale bool // one inode, but the text is not right in the new place
	equal bool // content, mode, owner, attributes
	index bool // depmod's
	newer bool // the old one was replaced after this run had linked it
	// meet: both lead to the same file, by their texts or by the links on the way.
	meet         bool
	oTwin, nTwin bool // leads to the other one
	oLost, nLost bool // leads to nothing
}

// decide is the table of the merge. It knows nothing of the disk.
func (p pair) decide() (act, string) {
	switch {
	case p.same:
		return actDone, ""
	case p.stale:
		return actTake, ""
	case p.o == folder && p.n == folder:
		return actInto, ""
	case p.newer:
		return actTake, ""
	case p.o == folder:
		return p.folder()
	case p.n == folder:
		return p.intoFolder()
	case p.o == symlink && p.n == symlink:
		return p.links()
	case p.o == symlink:
		return p.linkOnFile()
	case p.n == symlink:
		return p.fileOnLink()
	case p.equal:
		return actFold, ""
	case p.index && p.o == regular && p.n == regular:
		return actIndex, ""
	case p.o != p.n:
		return actOrphan, "is " + p.o.String() + ", and in /usr it is " + p.n.String()
	}
	return actOrphan, "differs from the one in /usr"
}

func (p pair) folder() (act, string) {
	if p.n == symlink && p.nTwin {
		return actMirror, ""
	}
	if p.n == symlink {
		return actRefuse, "is a folder, and in /usr it is a symlink to something else"
	}
	return actRefuse, "is a folder, and in /usr it is " + p.n.String()
}

func (p pair) intoFolder() (act, string) {
	switch {
	case p.o != symlink:
		return actRefuse, "is " + p.o.String() + ", and in /usr it is a folder"
	case p.oTwin || p.meet:
		return actFold, ""
	case p.oLost:
		return actOrphan, "is a dangling symlink, and in /usr it is a folder"
	}
	return actRefuse, "is a symlink to something else, and in /usr it is a folder"
}

func (p pair) links() (act, string) {
	switch {
	case p.meet: // also if each says the other: both are lost, and one is enough
		return actFold, ""
	case p.nTwin:
		return actTake, ""
	case p.oTwin:
		return actFold, ""
	case p.oLost:
		return actOrphan, "is a dangling symlink"
	case p.nLost:
		return actDisplace, "is a dangling symlink"
	}
	return actOrphan, "leads elsewhere than the one in /usr"
}

func (p pair) linkOnFile() (act, string) {
	switch {
	case p.oTwin || p.meet:
		return actFold, ""
	case p.oLost:
		return actOrphan, "is a dangling symlink"
	}
	return actOrphan, "is a symlink to something else than the file in /usr"
}

func (p pair) fileOnLink() (act, string) {
	switch {
	case p.nTwin:
		return actTake, ""
	case p.nLost:
		return actDisplace, "is a dangling symlink"
	case p.equal:
		return actFold, ""
	}
	return actOrphan, "is " + p.o.String() + ", and in /usr it is a symlink to something else"
}
