package repo

// What the tests of single parts reach.
var (
	IndexURL     = indexURL
	ParseIndex   = parseIndex
	ParseSource  = parseSource
	ParseConfig  = parseConfig
	DecodeCache  = decodeCache
	TimestampOf  = timestamp
	PackageAtURL = packageURL
	ParseRecord  = parseTakeovers
)

// EncodeCache is the cache of some packages, without its checksum.
func EncodeCache(packages []Package) string {
	b := cache{"https://example.org/stone.index", "key", packages}.encode()
	return string(b[:len(b)-16])
}

// Packages is what the cache holds.
func (c cache) Packages() []Package { return c.packages }

// Encode is the record's text.
func (t takeovers) Encode() string { return string(t.encode()) }
