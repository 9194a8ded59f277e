package system

// What a sync calls before and after its steps, what status says of a machine
// without UEFI, and how a rescue entry loses its kernel.
var (
	SyncBIOS   = syncBIOS
	BeforeBIOS = beforeBIOS
	NextBIOS   = nextBIOS
	WithShell  = withShell
)
