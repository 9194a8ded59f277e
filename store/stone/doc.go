// Package stone reads and writes package files, version 1 of the format.
//
// A file is a 32-byte prelude and a row of payloads, each a 32-byte header and
// its stored bytes; every integer is big endian, nothing is padded and nothing
// follows the last payload. The metadata payloads (meta, layout, attributes,
// index) are small and are parsed and validated when a file is opened. The
// content payload holds the bytes of every unique file back to back and may be
// larger than memory, so it is only ever streamed.
//
// # Trust
//
// Nothing a file says about itself is believed before the bytes prove it. Sizes
// are checked against the file, the blocks of a zstd frame are counted before
// anything is allocated for what they claim to hold, and records are parsed as
// they come, so a hundred bytes that promise four gigabytes cost no more than a
// hundred bytes. What is wrong is reported as a FormatError with its offset.
// Path policy ("..", absolute paths, what lies outside usr) is not decided here.
//
// # Memory
//
// Metadata is held in memory, at most MaxMetadata bytes of it. Content needs
// its zstd window, which is at most StreamWindow bytes while streaming. Frames
// with a larger window exist (writers use windowLog 31, and a frame of known
// size may declare its whole content as the window): no decoder can stream those
// in less memory than the window, so they are decoded from a mapping of the
// package into a mapping of an unlinked file in a scratch folder. That costs the
// content's size in disk space, and page cache, which the kernel writes out and
// evicts when memory is short; it costs no heap.
//
// # Extended attributes
//
// The v1 layout record has no room for them. They travel in an attributes
// payload (kind 5) between layout and index, one record each, the key
// "xattr/<name>/<path>" and the raw value. Readers that do not know the key
// skip it; this one skips keys it does not know.
package stone
