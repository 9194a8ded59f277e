package adopt

import (
	"database/sql"
	"fmt"
	"math/big"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"moss/store/stone"
)

// layoutRow is a row of AerynOS' layout table. What the two values mean depends
// on the kind: a file has its hash and its path, a symlink its text and its
// path, anything else only a path.
type layoutRow struct {
	id, uid, gid, mode int64
	kind               string
	value1, value2     sql.NullString
}

// layout is the row as the stone had it. It is not ok for what AerynOS' moss
// silently leaves out of a tree: devices, fifos, sockets.
func (r layoutRow) layout() (l stone.Layout, ok bool, err error) {
	l = stone.Layout{Mode: uint32(r.mode) & 0o7777, UID: uint32(r.uid), GID: uint32(r.gid)}
	switch r.kind {
	case "regular":
		l.Mode, l.Path = l.Mode|unix.S_IFREG, r.value2.String
		l.Hash, err = decimalHash(r.value1.String)
	case "symlink":
		l.Mode, l.Path, l.Target = l.Mode|unix.S_IFLNK, r.value2.String, r.value1.String
	case "directory":
		l.Mode, l.Path = l.Mode|unix.S_IFDIR, r.value1.String
	case "character-device", "block-device", "fifo", "socket", "unknown":
		return l, false, nil
	default:
		return l, false, fmt.Errorf("entry type %q is not known", r.kind)
	}
	return l, err == nil, err
}

// decimalHash reads an xxh3-128 that was written as one decimal number.
func decimalHash(text string) (stone.Hash, error) {
	var h stone.Hash
	n, ok := new(big.Int).SetString(text, 10)
	if !ok || n.Sign() < 0 || n.BitLen() > 8*len(h) || strings.ContainsAny(text, "+-_") {
		return h, fmt.Errorf("hash %q is no decimal number of 128 bits", text)
	}
	n.FillBytes(h[:])
	return h, nil
}

// assetName is the place of a content below assets/v2. The name is the hash in
// hex without leading zeros, and the folders are cut from that short name: a
// hash that begins with zeros lies in another folder than its digits suggest.
func assetName(hash stone.Hash) string {
	name := strings.TrimLeft(hash.String(), "0")
	// A byte is printed with at least two digits, so is zero.
	for len(name) < 2 {
		name = "0" + name
	}
	if len(name) < 10 {
		return name
	}
	return filepath.Join(name[0:2], name[2:4], name[4:6], name)
}
