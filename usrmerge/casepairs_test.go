package usrmerge_test

import "testing"

// TestPairsOfFiles: a name on both sides. Equal ones fold, of different ones /usr's
// stays and the other becomes an orphan.
func TestPairsOfFiles(t *testing.T) {
	runAll(t, []example{
		{name: "same content", tree: `bin/a A; usr/bin/a A`, want: `usr/bin/a A; ~ -`},
		{name: "same long content", tree: `bin/a sparse 9000000; usr/bin/a sparse 9000000`, want: `~ -`},
		{name: "same content, capabilities and owner", tree: `bin/a A mode=4755 owner=1:1 acl; usr/bin/a A mode=4755 owner=1:1 acl`, want: `~ -`},
		{name: "different content", tree: `bin/a old; usr/bin/a new`, want: `usr/bin/a new; ~/bin/a old`, orphans: `bin/a`},
		{name: "different content of one length", tree: `bin/a aaaa; usr/bin/a aaab`, want: `usr/bin/a aaab; ~/bin/a aaaa`, orphans: `bin/a`},
		{name: "different only at the end of a long one", tree: `bin/a sparse 9000000; usr/bin/a sparse 9000001`, orphans: `bin/a`},
		{name: "different mode", tree: `bin/a A mode=4755; usr/bin/a A mode=0755`, want: `usr/bin/a A mode=0755; ~/bin/a A mode=4755`, orphans: `bin/a`},
		{name: "different owner", tree: `bin/a A owner=1:0; usr/bin/a A`, want: `usr/bin/a A owner=0:0; ~/bin/a A owner=1:0`, orphans: `bin/a`},
		{name: "different group", tree: `bin/a A owner=0:1; usr/bin/a A`, want: `~/bin/a A owner=0:1`, orphans: `bin/a`},
		{name: "different attributes", tree: `bin/a A user.n=1; usr/bin/a A user.n=2`, want: `usr/bin/a A user.n=2; ~/bin/a A user.n=1`, orphans: `bin/a`},
		{name: "different capabilities", tree: `bin/a A cap; usr/bin/a A`, want: `~/bin/a A cap`, orphans: `bin/a`},
		{name: "different by time alone", tree: `bin/a A; etc/later L; usr/bin/a A`, want: `~ -`},
		{name: "different in a folder that both have", tree: `lib/x/y/a old; usr/lib/x/y/a new`, want: `usr/lib/x/y/a new; ~/lib/x/y/a old`, orphans: `lib/x/y/a`},
		{name: "different with a special name", tree: `"lib/\xff/a" old; "usr/lib/\xff/a" new`, want: `"usr/lib/\xff/a" new; "~/lib/\xff/a" old`, orphans: "lib/\xff/a"},
		{name: "different in three top folders", tree: `bin/a 1; usr/bin/a 2; sbin/a 3; usr/sbin/a 4; lib/a 5; usr/lib/a 6`,
			want: `~/bin/a 1; ~/sbin/a 3; ~/lib/a 5`, orphans: `bin/a sbin/a lib/a`},
		{name: "different hard-linked ones", tree: `bin/a old; bin/b = bin/a; usr/bin/a new`, want: `usr/bin/b old; ~/bin/a = usr/bin/b`, orphans: `bin/a`},
		{name: "the same orphan is there already", tree: `bin/a old; usr/bin/a new; ~/bin/a old`, want: `~/bin/a old; ~/bin/a.1 -`, orphans: `bin/a`},
	})
}

// TestPairsOfOthers is devices, pipes and sockets on both sides.
func TestPairsOfOthers(t *testing.T) {
	runAll(t, []example{
		{name: "equal devices", tree: `lib/n char 1:3; usr/lib/n char 1:3`, want: `~ -`},
		{name: "devices of different numbers", tree: `lib/n char 1:3; usr/lib/n char 1:5`, want: `usr/lib/n char 1:5; ~/lib/n char 1:3`, orphans: `lib/n`},
		{name: "devices of different kinds", tree: `lib/n block 1:3; usr/lib/n char 1:3`, want: `~/lib/n block 1:3`, orphans: `lib/n`},
		{name: "devices of different modes", tree: `lib/n char 1:3 mode=0666; usr/lib/n char 1:3 mode=0600`, want: `usr/lib/n char 1:3 mode=0600; ~/lib/n char 1:3 mode=0666`, orphans: `lib/n`},
		{name: "equal fifos", tree: `lib/n fifo; usr/lib/n fifo`, want: `~ -`},
		{name: "equal sockets", tree: `lib/n socket; usr/lib/n socket`, want: `~ -`},
		{name: "fifo against socket", tree: `lib/n fifo; usr/lib/n socket`, want: `~/lib/n fifo; usr/lib/n socket`, orphans: `lib/n`},
		{name: "file against device", tree: `lib/n N; usr/lib/n char 1:3`, want: `~/lib/n N; usr/lib/n char 1:3`, orphans: `lib/n`},
		{name: "fifo against file", tree: `lib/n fifo; usr/lib/n N`, want: `~/lib/n fifo; usr/lib/n N`, orphans: `lib/n`},
	})
}

// TestPairsOfSymlinks: both are symlinks.
func TestPairsOfSymlinks(t *testing.T) {
	runAll(t, []example{
		{name: "equal text", tree: `bin/l -> a; usr/bin/l -> a; bin/a A`, want: `usr/bin/l -> a; ~ -`},
		{name: "equal absolute text", tree: `bin/l -> /etc/x; usr/bin/l -> /etc/x; etc/x X`, want: `usr/bin/l -> /etc/x; ~ -`},
		{name: "equal after making relative absolute", tree: `bin/l -> ../etc/x; usr/bin/l -> ../../etc/x; etc/x X`, want: `usr/bin/l -> ../../etc/x; ~ -`},
		{name: "equal, one relative and one absolute", tree: `bin/l -> ../etc/x; usr/bin/l -> /etc/x; etc/x X`, want: `usr/bin/l -> /etc/x; ~ -`},
		{name: "equal by the folder that is merged", tree: `bin/l -> /bin/a; usr/bin/l -> /usr/bin/a; bin/a A`, want: `usr/bin/l -> /usr/bin/a; ~ -`},
		{name: "equal text that means different things now and one after", tree: `bin/l -> ../lib/a; usr/bin/l -> ../lib/a; lib/a A; usr/lib/o O`, want: `usr/bin/l -> ../lib/a; ~ -`},
		{name: "equal text that meant different files", tree: `bin/l -> ../share/a; usr/bin/l -> ../share/a; share/a old; usr/share/a new`,
			want: `usr/bin/l -> ../share/a; ~/bin/l -> ../share/a`, orphans: `bin/l`},
		{name: "both dangling, equal", tree: `bin/l -> /no; usr/bin/l -> /no`, want: `usr/bin/l -> /no; ~ -`},
		{name: "the old one leads to the new link", tree: `bin/l -> ../usr/bin/l; usr/bin/l -> ../../etc/x; etc/x X`, want: `usr/bin/l -> ../../etc/x; ~ -`},
		{name: "the old one leads to the new link, absolute", tree: `bin/l -> /usr/bin/l; usr/bin/l -> /etc/x; etc/x X`, want: `usr/bin/l -> /etc/x; ~ -`},
		{name: "the new one leads to the old link", tree: `bin/l -> ../etc/x; usr/bin/l -> ../../bin/l; etc/x X`, want: `usr/bin/l -> ../../etc/x; ~ -`},
		{name: "the new one leads to the old link, absolute", tree: `bin/l -> /etc/x; usr/bin/l -> /bin/l; etc/x X`, want: `usr/bin/l -> /etc/x; ~ -`},
		{name: "the new one leads to the old link beside it", tree: `bin/l -> a; bin/a A; usr/bin/l -> /bin/l`, want: `usr/bin/l -> a; ~ -`},
		{name: "to one file by different ways", tree: `bin/l -> ../etc/x; usr/bin/l -> ../../etc/y; etc/y -> x; etc/x X`, want: `usr/bin/l -> ../../etc/y; ~ -`},
		{name: "to different files", tree: `bin/l -> ../etc/x; usr/bin/l -> ../../etc/y; etc/x X; etc/y Y`, want: `usr/bin/l -> ../../etc/y; ~/bin/l -> ../etc/x`, orphans: `bin/l`},
		{name: "the old one dangles", tree: `bin/l -> ../no; usr/bin/l -> a; usr/bin/a A`, want: `usr/bin/l -> a; ~/bin/l -> ../no`, orphans: `bin/l`},
		{name: "the new one dangles", tree: `bin/l -> a; bin/a A; usr/bin/l -> ../no`, want: `usr/bin/l -> a; ~/usr/bin/l -> ../no`, orphans: `usr/bin/l`},
		{name: "the new one dangles, the old one climbs", tree: `bin/l -> ../etc/x; etc/x X; usr/bin/l -> /no`, want: `usr/bin/l -> ../../etc/x; ~/usr/bin/l -> /no`, orphans: `usr/bin/l`},
	})
}

// TestPairsOfFileAndSymlink is a file in one place and a symlink in the other,
// of which neither leads to the other one.
func TestPairsOfFileAndSymlink(t *testing.T) {
	runAll(t, []example{
		{name: "the old one dangles while usr has the file", tree: `bin/a -> /no; usr/bin/a A`, want: `usr/bin/a A; ~/bin/a -> /no`, orphans: `bin/a`},
		{name: "the old one loops while usr has the file", tree: `bin/a -> a; usr/bin/a A`, want: `usr/bin/a A; ~/bin/a -> a`, orphans: `bin/a`},
		{name: "the old one leads elsewhere while usr has the file", tree: `bin/a -> ../etc/x; etc/x X; usr/bin/a A`, want: `usr/bin/a A; ~/bin/a -> ../etc/x`, orphans: `bin/a`},
		{name: "the new one dangles while the old place has the file", tree: `bin/a A; usr/bin/a -> /no`, want: `usr/bin/a A; ~/usr/bin/a -> /no`, orphans: `usr/bin/a`},
		{name: "the new one loops while the old place has the file", tree: `bin/a A; usr/bin/a -> a`, want: `usr/bin/a A; ~/usr/bin/a -> a`, orphans: `usr/bin/a`},
		{name: "the new one leads to an equal file", tree: `bin/a A; usr/bin/a -> b; usr/bin/b A`, want: `usr/bin/a -> b; ~ -`},
		{name: "the new one leads to a file of the same content without the capabilities", tree: `bin/a A cap; usr/bin/a -> b; usr/bin/b A`, want: `usr/bin/a -> b; ~/bin/a A cap`, orphans: `bin/a`},
		{name: "the new one leads to another file", tree: `bin/a old; usr/bin/a -> b; usr/bin/b new`, want: `usr/bin/a -> b; ~/bin/a old`, orphans: `bin/a`},
		{name: "the old one dangles while usr has the folder", tree: `lib/a -> /no; usr/lib/a/x X`, want: `usr/lib/a/x X; ~/lib/a -> /no`, orphans: `lib/a`},
	})
}

// TestPairsOfFolders: both are folders, which differ.
func TestPairsOfFolders(t *testing.T) {
	runAll(t, []example{
		{name: "equal", tree: `lib/d/a A; usr/lib/d/b B`, want: `usr/lib/d/a A; usr/lib/d/b B`},
		{name: "mode differs", tree: `lib/d/ mode=0700; lib/d/a A; usr/lib/d/ mode=0755`, want: `usr/lib/d/ mode=0755; usr/lib/d/a A`, differs: `lib/d`},
		{name: "owner differs", tree: `lib/d/ owner=1:2; lib/d/a A; usr/lib/d/`, want: `usr/lib/d/ owner=0:0`, differs: `lib/d`},
		{name: "attributes differ", tree: `lib/d/ user.n=1; lib/d/a A; usr/lib/d/ user.n=2`, want: `usr/lib/d/ user.n=2`, differs: `lib/d`},
		{name: "the top folders differ", tree: `bin/ mode=0711; bin/a A; usr/bin/ mode=0755`, want: `usr/bin/ mode=0755`, differs: `bin`},
		{name: "only the old place has it, empty", tree: `lib/d/ mode=0700; usr/lib/e/`, want: `usr/lib/d/ mode=0700; usr/lib/e/`},
		{name: "both empty", tree: `lib/d/; usr/lib/d/`, want: `usr/lib/d/`},
		{name: "three levels of both", tree: `lib/a/b/c/x X; lib/a/b/y Y; lib/a/z Z; usr/lib/a/b/c/w W`, want: `usr/lib/a/b/c/x X; usr/lib/a/b/y Y; usr/lib/a/z Z; usr/lib/a/b/c/w W`},
	})
}

// TestOrphanNameIsTaken: what lies in the folder of orphans from elsewhere stays.
func TestOrphanNameIsTaken(t *testing.T) {
	dir := inMemory(t)
	plant(t, dir, `bin/a old; usr/bin/a new; ~/bin/a other; sbin/d/b old; usr/sbin/d/b new; ~/sbin file`)
	result := merge(t, dir)
	if !result.Merged || len(result.Plan.Orphans) != 2 {
		t.Errorf("got merged %v, orphans %+v", result.Merged, result.Plan.Orphans)
	}
	wantEntries(t, dir, `usr/bin/a new; ~/bin/a other; ~/bin/a.1 old; usr/sbin/d/b new; ~/sbin file`)
	for _, o := range result.Plan.Orphans {
		if o.Path == "sbin/d/b" {
			wantEntries(t, dir, o.To+" old")
		}
	}
	wantNothingLeftToDo(t, dir)
}
