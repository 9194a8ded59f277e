package usrmerge_test

import (
	"fmt"
	"strings"
	"testing"
)

// everything is one root with every kind of entry, every form of a symlink and every
// conflict that is not refused: what is cut, filled and killed in the other tests.
func everything(oneDevice bool) example {
	tree := new(strings.Builder)
	for n, e := range kinds() {
		if e.oneDevice && !oneDevice {
			continue
		}
		in := []string{"lib/both%d/", "lib/only%d/", "lib32/k%d/"}[n%3]
		in = fmt.Sprintf(in, n)
		fmt.Fprintln(tree, strings.ReplaceAll(e.tree, "bin/", in))
		if n%3 == 0 {
			fmt.Fprintf(tree, "usr/%sother o\n", in)
		}
	}
	tree.WriteString(`bin/tool T mode=4755; bin/alias -> tool; bin/conf -> ../etc/conf; etc/conf C; bin/far -> /etc/conf; bin/lib -> ../lib/both0/a
		bin/dangling -> ../no; bin/loop -> loop; sbin/s S; sbin/t -> ../bin/tool; lib64/ld L mode=0755; lib64/up -> ..
		bin/equal E; usr/bin/equal E; bin/differs old; usr/bin/differs new; bin/mode M mode=0700; usr/bin/mode M
		bin/gone -> /no; usr/bin/gone G; bin/real R; usr/bin/real -> /no; bin/back B; usr/bin/back -> ../../bin/back; bin/forth -> ../usr/bin/forth; usr/bin/forth F
		bin/both -> ../etc/conf; usr/bin/both -> ../../etc/conf; bin/two -> ../etc/conf; usr/bin/two -> equal
		bin/twin -> ../etc/conf; usr/bin/twin -> /bin/twin; lib/n char 1:3; usr/lib/n char 1:5
		lib/mirror/a A; lib/mirror/b/c -> ../../../etc/conf; usr/lib/mirror -> ../../lib/mirror
		lib/climb/a A; lib/climb/deep/x -> ../../../etc/conf; lib/climb/clean/y Y; lib/climb/clean/z -> y
		lib/modules/6.1/modules.dep old; usr/lib/modules/6.1/modules.dep new; lib/modules/6.1/k K; usr/lib/modules/6.1/l L
		lib/folder/ mode=0700; lib/folder/x X; usr/lib/folder/ mode=0755; usr/only/here H; opt/into -> ../bin/tool
	`)
	return example{
		name:    "everything",
		tree:    tree.String(),
		orphans: "bin/differs bin/mode bin/gone usr/bin/real bin/two lib/n",
		keeps:   "usr/lib/modules/6.1/modules.dep",
		differs: "lib/folder",
		want: `usr/bin/tool T; usr/bin/differs new; ~/bin/differs old; usr/bin/real R; usr/bin/conf -> ../../etc/conf; usr/lib/modules/6.1/modules.dep old
			usr/lib/mirror/; usr/lib/mirror/b/c -> ../../../../etc/conf; usr/lib/climb/clean/z -> y; lib32 -> usr/lib32`,
	}
}

// TestEverything is what the other tests take for granted.
func TestEverything(t *testing.T) { everything(true).run(t, inMemory(t)) }
