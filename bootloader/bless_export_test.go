package bootloader

// BlessOn is Bless with other system calls.
var (
	BlessOn   = bless
	RecountOn = recount
)
