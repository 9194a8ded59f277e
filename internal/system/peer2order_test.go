package system_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"moss/internal/testutil"
	"moss/internal/testutil/need"
)

// call is one system call of a traced transaction. Its place in the list is when
// it began; ended is when it returned.
type call struct {
	name, args string
	ended      int
}

// traced transacts in another process under strace and lists what it asked the
// kernel for, descriptors written out as paths.
func traced(t *testing.T, root string, stones []string) []call {
	t.Helper()
	need.Program(t, "strace")
	out := filepath.Join(t.TempDir(), "calls")
	cmd := exec.CommandContext(t.Context(), "strace", "-f", "-y", "-qq", "-s", "4096", "-o", out,
		"-e", "trace=openat,creat,unlink,unlinkat,rename,renameat,renameat2,linkat,fsync,fdatasync,syncfs,sync,truncate,ftruncate", os.Args[0])
	cmd.Env = append(os.Environ(), "MOSS_TEST_ROOT="+root, "MOSS_TEST_STONES="+strings.Join(stones, " "))
	if said, err := cmd.CombinedOutput(); err != nil {
		if strings.Contains(string(said), "ptrace") {
			need.Machine(t, "tracing is forbidden: %s", said)
		}
		t.Fatalf("%v\n%s", err, said)
	}
	calls := parseTrace(t, testutil.Read(t, out))
	if len(calls) < 50 {
		t.Fatalf("the trace holds %d calls: the search is broken", len(calls))
	}
	return calls
}

var (
	traceWhole   = regexp.MustCompile(`^\d+ +(\w+)\((.*)\) += (-?\d+)`)
	traceBegun   = regexp.MustCompile(`^(\d+) +(\w+)\((.*) <unfinished \.\.\.>`)
	traceResumed = regexp.MustCompile(`^(\d+) +<\.\.\. \w+ resumed>(.*)\) += (-?\d+)`)
)

// parseTrace keeps the calls that succeeded.
func parseTrace(t *testing.T, text string) []call {
	t.Helper()
	var all []call
	pending, failed := map[string]int{}, map[int]bool{}
	for line := range strings.Lines(text) {
		if m := traceBegun.FindStringSubmatch(line); m != nil {
			pending[m[1]] = len(all)
			all = append(all, call{m[2], m[3], -1})
		} else if m := traceResumed.FindStringSubmatch(line); m != nil {
			i := pending[m[1]]
			all[i].args, all[i].ended = all[i].args+m[2], len(all)
			failed[i] = strings.HasPrefix(m[3], "-")
		} else if m := traceWhole.FindStringSubmatch(line); m != nil {
			failed[len(all)] = strings.HasPrefix(m[3], "-")
			all = append(all, call{m[1], m[2], len(all)})
		}
	}
	for i := range all {
		if failed[i] || all[i].ended < 0 {
			all[i].name = "failed"
		}
	}
	return all
}

// between says whether a call of that name that names path began after `after`
// and had returned before `before`.
func between(all []call, after, before int, path string, names ...string) bool {
	for i := after + 1; i < before; i++ {
		if slices.Contains(names, all[i].name) && strings.Contains(all[i].args, path) && all[i].ended < before {
			return true
		}
	}
	return false
}

// last is the place of the last call that matches, or -1.
func last(all []call, pattern string) int {
	form := regexp.MustCompile(pattern)
	for i := len(all) - 1; i >= 0; i-- {
		if form.MatchString(all[i].name + "(" + all[i].args) {
			return i
		}
	}
	return -1
}

// each calls visit for the calls that match, and fails if there are none.
func each(t *testing.T, all []call, pattern string, visit func(i int, c call)) {
	t.Helper()
	form, n := regexp.MustCompile(pattern), 0
	for i, c := range all {
		if form.MatchString(c.name + "(" + c.args) {
			n++
			visit(i, c)
		}
	}
	if n == 0 {
		t.Errorf("no call matches %s", pattern)
	}
}

// TestPeerNothingIsSynced looks at what a transaction really asks of the kernel,
// and in which order: a name under which something will be believed comes after
// the sync of what it names, and each commit after the sync of what it commits to.
func TestPeerNothingIsSynced(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	install(t, options(root), base())
	next := base()
	next.Version = "2"
	next.Files["lib/kernel/"+kernel+"/vmlinuz"] = "another kernel"
	next.Files["bin/a"] = "0755:a"
	calls := traced(t, root, write(t, next))
	if live(t, root) != 2 {
		t.Fatalf("state %d is live, want 2", live(t, root))
	}
	for name, look := range map[string]func(*testing.T, []call, string){
		"assets before their names":      assetsBeforeNames,
		"names before the row":           namesBeforeRow,
		"the tree before its seal":       treeBeforeSeal,
		"the seal before its folder":     sealBeforeFolder,
		"files of the menu before names": menuFilesBeforeNames,
		"kernels before entries":         kernelsBeforeEntries,
		"the entry before the exchange":  entryBeforeExchange,
		"the exchange before the name":   exchangeBeforeName,
		"nothing is truncated":           nothingIsTruncated,
		"nothing outside is written":     nothingOutside,
	} {
		t.Run(name, func(t *testing.T) { look(t, calls, root) })
	}
}

func assetsBeforeNames(t *testing.T, all []call, root string) {
	each(t, all, `^rename.*\.moss/assets/stage/[^"]+".*\.moss/assets/[0-9a-f]{2}/`, func(i int, c call) {
		written := last(all[:i], `^openat.*\.moss/assets/stage/[^"]*", .*O_CREAT`)
		if written < 0 || !between(all, written, i, root+"/.moss", "syncfs") {
			t.Errorf("%s: no sync between the last write and this name", c.args)
		}
	})
}

// namesBeforeRow: btrfs and f2fs make a row durable without the renames before it.
func namesBeforeRow(t *testing.T, all []call, root string) {
	named := last(all, `^rename.*\.moss/assets/stage/`)
	row := slices.IndexFunc(all[max(named, 0):], func(c call) bool {
		return strings.HasSuffix(c.name, "sync") && strings.Contains(c.args, "moss.sqlite")
	}) + named
	if named < 0 || row <= named || !between(all, named, row, root+"/.moss", "syncfs") {
		t.Errorf("names at %d, row at %d: want a sync between", named, row)
	}
}

func treeBeforeSeal(t *testing.T, all []call, root string) {
	each(t, all, `^openat.*root/\.stage-[^"]*/usr/\.\.stateID\.tmp.*O_CREAT`, func(i int, c call) {
		written := max(last(all[:i], `^linkat.*root/\.stage-`), last(all[:i], `^openat.*root/\.stage-[^"]*", .*O_CREAT`))
		if written < 0 || !between(all, written, i, root+"/.moss/root/.stage-", "syncfs") {
			t.Error("no sync between the last file of the tree and its seal")
		}
	})
}

func sealBeforeFolder(t *testing.T, all []call, root string) {
	each(t, all, `^rename.*root/\.stage-[^"]*".*\.moss/root/2"`, func(i int, c call) {
		seal := last(all[:i], `^rename.*usr/\.stateID"`)
		if seal < 0 || !between(all, seal, i, "/usr>", "fsync") {
			t.Error("no sync of the seal's name before the tree is called a state")
		}
		if !between(all, i, len(all), root+"/.moss/root>", "fsync") {
			t.Error("no sync of the folder of states after it")
		}
	})
}

func menuFilesBeforeNames(t *testing.T, all []call, root string) {
	temporary := regexp.MustCompile(`"([^"]*/efi/[^"]*\.tmp-\d+)"`)
	each(t, all, `^rename.*/efi/`, func(i int, c call) {
		from := temporary.FindStringSubmatch(c.args)
		if from == nil {
			t.Errorf("%s: not from a temporary name", c.args)
			return
		}
		if !between(all, -1, i, from[1], "fsync", "fdatasync") {
			t.Errorf("%s: no sync of the file before it gets this name", c.args)
		}
	})
	for i, c := range all {
		path := regexp.MustCompile(`"(/[^"]*/efi/[^"]+)"`).FindStringSubmatch(c.args)
		if strings.HasPrefix(c.name, "unlink") && path != nil && last(all[i:], `^rename.*, "`+regexp.QuoteMeta(path[1])+`"`) >= 0 {
			t.Errorf("%s is removed before it is replaced: there is a moment without it", path[1])
		}
	}
}

func kernelsBeforeEntries(t *testing.T, all []call, root string) {
	each(t, all, `^rename.*/efi/loader/entries/`, func(i int, c call) {
		kernel := last(all[:i], `^rename.*", .*/efi/moss-[^"/]*/[^"]*"`)
		if kernel < 0 || !between(all, kernel, i, root+"/efi", "syncfs") {
			t.Errorf("%s: no sync between the last kernel and this entry", c.args)
		}
	})
}

func entryBeforeExchange(t *testing.T, all []call, root string) {
	exchange := last(all, `^renameat2.*RENAME_EXCHANGE`)
	entry := last(all, `^rename.*/efi/loader/entries/`)
	if entry < 0 || exchange < entry || !between(all, entry, exchange, root+"/efi", "fsync", "syncfs") {
		t.Errorf("entry at %d, exchange at %d: want a synced entry first", entry, exchange)
	}
}

func exchangeBeforeName(t *testing.T, all []call, root string) {
	exchange := last(all, `^renameat2.*RENAME_EXCHANGE`)
	renamed := last(all, `^rename.*\.moss/root/2", .*\.moss/root/1"`)
	if exchange < 0 || renamed < exchange {
		t.Fatalf("exchange at %d, rename of the folder at %d", exchange, renamed)
	}
	for _, parent := range []string{root + ">", root + "/.moss/root/2>"} {
		if !between(all, exchange, renamed, parent, "fsync") {
			t.Errorf("no sync of %s between the exchange and the folder's new name", parent)
		}
	}
	if !between(all, renamed, len(all), root+"/.moss/root>", "fsync") {
		t.Error("the folder's new name is not made durable")
	}
}

// nothingIsTruncated: what others read is replaced and never rewritten in place.
// The lock, SQLite's own files and what has no name yet are nobody else's.
func nothingIsTruncated(t *testing.T, all []call, root string) {
	own := regexp.MustCompile(`/\.moss/(lock|db/|packages/[0-9a-f]+\.new|cache/)|\.tmp-\d+`)
	for _, c := range all {
		truncates := strings.Contains(c.name, "truncate") || strings.Contains(c.args, "O_TRUNC")
		if truncates && strings.Contains(c.args, root) && !own.MatchString(c.args) {
			t.Errorf("%s(%s)", c.name, c.args)
		}
	}
}

func nothingOutside(t *testing.T, all []call, root string) {
	writes := regexp.MustCompile(`O_WRONLY|O_RDWR|O_CREAT`)
	for _, c := range all {
		changes := writes.MatchString(c.args) || strings.HasPrefix(c.name, "rename") || strings.HasPrefix(c.name, "unlink")
		if changes && !strings.Contains(c.args, root) && !strings.Contains(c.args, "/dev/null") {
			t.Errorf("%s(%s)", c.name, c.args)
		}
	}
}
