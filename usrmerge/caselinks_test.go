package usrmerge_test

import "testing"

// TestSymlinks is every form of a symlink that only the old place has. Where it
// leads must be the same through both names (picture.wantMerged); want says which
// text that needs where only one is right.
func TestSymlinks(t *testing.T) {
	runAll(t, []example{
		{name: "to the file beside it", tree: `bin/l -> a; bin/a A; usr/bin/o O`, want: `usr/bin/l -> a`},
		{name: "to the file above it, in one folder", tree: `lib/x/l -> ../a; lib/a A; usr/lib/o O`, want: `usr/lib/x/l -> ../a`},
		{name: "from a folder that both have", tree: `lib/x/l -> ../a; lib/a A; usr/lib/x/o O`, want: `usr/lib/x/l -> ../a`},
		{name: "owner of a symlink", tree: `bin/l -> a owner=5:6; bin/a A; usr/bin/o O`, want: `usr/bin/l -> a owner=5:6`},
		{name: "owner of a symlink made anew", tree: `bin/l -> ../etc/a owner=5:6; etc/a A; usr/bin/o O`, want: `usr/bin/l -> ../../etc/a owner=5:6`},
		{name: "label of a symlink made anew", tree: `bin/l -> ../etc/a selinux; etc/a A; usr/bin/o O`, want: `usr/bin/l -> ../../etc/a selinux`},
		{name: "absolute", tree: `bin/l -> /etc/a; etc/a A; usr/bin/o O`, want: `usr/bin/l -> /etc/a`},
		{name: "absolute into the old place", tree: `bin/l -> /bin/a; bin/a A; usr/bin/o O`, want: `usr/bin/l -> /bin/a`},
		{name: "absolute into usr", tree: `bin/l -> /usr/bin/o; usr/bin/o O`, want: `usr/bin/l -> /usr/bin/o`},
		{name: "to a folder", tree: `lib/l -> ../var/d; var/d/x X; usr/lib/o O`, want: `usr/lib/l/x X`},
		{name: "into another folder that is merged", tree: `bin/l -> ../lib/y; lib/y Y; usr/bin/o O`, want: `usr/bin/l -> ../lib/y`},
		{name: "into another folder that is merged and carried", tree: `bin/l -> ../lib/y/z; lib/y/z Z; usr/bin/o O; usr/lib/q Q`, want: `usr/bin/l -> ../lib/y/z`},
		{name: "into another folder that is merged whole", tree: `bin/l -> ../lib32/y; lib32/y Y`, want: `usr/bin/l -> ../lib32/y`},
		{name: "into a folder that is no part of it", tree: `bin/l -> ../etc/conf; etc/conf C; usr/bin/o O`, want: `usr/bin/l -> ../../etc/conf`},
		{name: "into usr by way of the root", tree: `bin/l -> ../usr/share/s; usr/share/s S; usr/bin/o O`},
		{name: "with .. that means something else after the move", tree: `bin/l -> ../share/s; share/s right; usr/share/s wrong; usr/bin/o O`, want: `usr/bin/l -> ../../share/s`},
		{name: "with .. from deep inside", tree: `lib/a/b/l -> ../../../etc/x; etc/x X; usr/etc/x wrong; usr/lib/o O`, want: `usr/lib/a/b/l -> ../../../../etc/x`},
		{name: "with .. from deep inside a folder that both have", tree: `lib/a/b/l -> ../../../etc/x; etc/x X; usr/lib/a/b/o O`, want: `usr/lib/a/b/l -> ../../../../etc/x`},
		{name: "with .. in a folder that goes over whole", tree: `lib/a/l -> ../../etc/x; lib/a/c/d D; etc/x X`, want: `usr/lib/a/l -> ../../../etc/x`},
		{name: "with .. that stays in the folder", tree: `lib/a/b/l -> ../c; lib/a/c C; usr/lib/o O`, want: `usr/lib/a/b/l -> ../c`},
		{name: "with .. that leaves the folder and comes back", tree: `lib/a/b/l -> ../../../lib/a/c; lib/a/c C; usr/lib/o O`},
		{name: "with .. above the root", tree: `bin/l -> ../../../../etc/x; etc/x X; usr/bin/o O`},
		{name: "with .. in the middle", tree: `bin/l -> sub/../../etc/x; bin/sub/; etc/x X; usr/bin/o O`},
		{name: "with .. after a link", tree: `bin/l -> jump/../x; bin/jump -> ../var/deep/er; var/deep/er/; var/deep/x X; usr/bin/o O`},
		{name: "with dots and slashes", tree: `bin/l -> .././/etc//x; etc/x X; usr/bin/o O`},
		{name: "with .. alone", tree: `bin/up -> ..; bin/here -> .; usr/bin/o O; etc/x X`},
		{name: "to the top folder", tree: `bin/l -> ../lib; lib/x X; usr/bin/o O; usr/lib/o O`},
		{name: "to usr", tree: `bin/l -> ../usr; usr/bin/o O`},
		{name: "dangling", tree: `bin/l -> nowhere; usr/bin/o O`, want: `usr/bin/l -> nowhere`},
		{name: "dangling with ..", tree: `bin/l -> ../etc/nowhere; usr/bin/o O`, want: `usr/bin/l -> ../../etc/nowhere`},
		{name: "dangling absolute", tree: `bin/l -> /bin/nowhere; usr/bin/o O`, want: `usr/bin/l -> /bin/nowhere`},
		{name: "loop of one", tree: `bin/l -> l; usr/bin/o O`, want: `usr/bin/l -> l`},
		{name: "loop of two", tree: `bin/l -> m; bin/m -> l; usr/bin/o O`, want: `usr/bin/l -> m; usr/bin/m -> l`},
		{name: "loop through both places", tree: `bin/l -> ../lib/m; lib/m -> ../bin/l; usr/bin/o O; usr/lib/o O`},
		{name: "text of 4000 bytes", tree: `bin/l -> ` + longText() + `; bin/a A; usr/bin/o O`, want: `usr/bin/l -> ` + longText()},
		{name: "text that is not UTF-8", tree: `bin/l -> "../etc/\xff x"; "etc/\xff x" X; usr/bin/o O`, want: `usr/bin/l -> "../../etc/\xff x"`},
		{name: "hard-linked symlink", tree: `bin/l -> a; bin/m = bin/l; bin/a A; usr/bin/o O`, want: `usr/bin/l = usr/bin/m`},
		{name: "from elsewhere into the old place", tree: `etc/l -> ../bin/a; opt/m -> /bin/a; bin/a A; usr/bin/o O`, want: `etc/l -> ../bin/a; opt/m -> /bin/a`},
		{name: "from usr into the old place", tree: `usr/share/l -> ../../bin/a; bin/a A; usr/bin/o O`, want: `usr/share/l -> ../../bin/a`},
	})
}

// TestLinksToTheTwin is a symlink in one place that leads to the other.
func TestLinksToTheTwin(t *testing.T) {
	runAll(t, []example{
		{name: "the old one leads to the new file, relative", tree: `bin/a -> ../usr/bin/a; usr/bin/a A`, want: `usr/bin/a A`},
		{name: "the old one leads to the new file, absolute", tree: `bin/a -> /usr/bin/a; usr/bin/a A`, want: `usr/bin/a A`},
		{name: "the old one leads to the new file through another", tree: `bin/a -> b; bin/b -> ../usr/bin/a; usr/bin/a A`, want: `usr/bin/a A`},
		{name: "the new one leads to the old file, relative", tree: `bin/a A mode=4755; usr/bin/a -> ../../bin/a`, want: `usr/bin/a A mode=4755`},
		{name: "the new one leads to the old file, absolute", tree: `bin/a A; usr/bin/a -> /bin/a`, want: `usr/bin/a A`},
		{name: "the new one leads to the old file through another", tree: `bin/a A; usr/bin/a -> b; usr/bin/b -> /bin/a`, want: `usr/bin/a A`},
		{name: "the new one leads to the old device", tree: `lib/n char 1:3; usr/lib/n -> ../../lib/n`, want: `usr/lib/n char 1:3`},
		{name: "the old one leads to the new folder", tree: `lib/x -> ../usr/lib/x; usr/lib/x/f F`, want: `usr/lib/x/f F`},
		{name: "the new one leads to the old folder, relative", tree: `lib/x/f F; lib/x/g/h H; usr/lib/x -> ../../lib/x`, want: `usr/lib/x/; usr/lib/x/f F; usr/lib/x/g/h H`},
		{name: "the new one leads to the old folder, absolute", tree: `lib/x/f F; usr/lib/x -> /lib/x`, want: `usr/lib/x/; usr/lib/x/f F`},
		{name: "the new one leads to the old folder, with links that climb", tree: `lib/x/f -> ../../etc/f; etc/f F; usr/lib/x -> ../../lib/x`, want: `usr/lib/x/f -> ../../../etc/f`},
		{name: "all of usr/bin leads back, relative", tree: `bin/a A; bin/l -> ../etc/x; etc/x X; usr/bin -> ../bin`, want: `usr/bin/; usr/bin/a A`},
		{name: "all of usr/bin leads back, absolute", tree: `bin/a A; usr/bin -> /bin`, want: `usr/bin/; usr/bin/a A`},
		{name: "old and new lead to each other's place and nowhere", tree: `bin/a -> ../usr/bin/a; usr/bin/a -> ../../bin/a; usr/bin/o O`},
	})
}

func longText() string {
	var text []byte
	for len(text) < 4000 {
		text = append(text, "./././././"...)
	}
	return string(text) + "a"
}
