package luks

// Seal makes the checksum of a header copy right.
func Seal(data []byte) {
	sum := checksum(data)
	copy(data[checksumAt:], sum[:])
}

var (
	Enough = enough
	Known  = known
)
