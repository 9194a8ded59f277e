package bootloader

// What tests of other places in this folder need to see.
var (
	Title       = title
	Stem        = stem
	StateOf     = stateOf
	ContentName = contentName
)
