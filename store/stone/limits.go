package stone

// What one file may ask for. Each limit is far above what real packages need
// and exists so that a hostile one cannot exhaust the machine.
const (
	// StreamWindow is the largest zstd window, in bytes, that content is
	// decoded with in memory. Frames that really need more go to a scratch
	// file, see Reader.Contents.
	StreamWindow = 64 << 20

	// MaxWindow is the largest window a frame may declare, in bytes: 2 GiB,
	// what windowLog 31 gives and the most that libzstd itself accepts. A frame
	// that declares its content's size instead of a window is not bound by it.
	MaxWindow = 2 << 30

	// MaxMetaPayload bounds the plain size of one meta payload, in bytes.
	MaxMetaPayload = 16 << 20

	// MaxPayload bounds the plain and the stored size of one layout, attributes
	// or index payload, in bytes: some 700,000 paths.
	MaxPayload = 64 << 20

	// MaxMetadata bounds the plain bytes of all metadata payloads of a file
	// together: a repository index may have 65535 of them.
	MaxMetadata = 256 << 20

	// maxContent keeps sums of offsets inside an int64, with room to spare.
	maxContent = 1 << 40
)
