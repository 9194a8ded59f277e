package early

import (
	"fmt"
	"strings"
	"testing"
)

// What init finds mounted. The mounts themselves are left to the virtual
// machines: a test must not mount what the whole machine shares.
func TestPseudoMounts(t *testing.T) {
	var got strings.Builder
	for _, m := range pseudoMounts() {
		fmt.Fprintf(&got, "%s %s %#x %s\n", m.path, m.kind, m.flags, m.data)
	}
	want := "proc proc 0xe \nsys sysfs 0xe \ndev devtmpfs 0x1000002 mode=0755\nrun tmpfs 0x1000006 mode=0755,size=20%,nr_inodes=800k\n"
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
}
