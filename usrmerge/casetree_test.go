package usrmerge_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// item is one entry of a tree in compact form. Entries are separated by a line
// break or a semicolon; words and paths with something special in them are quoted
// as in Go. Parents are made.
//
//	bin/tool  content mode=4755 owner=1:2 user.note=x   a file
//	lib/x/    mode=0700                                 a folder
//	bin/l     -> ../etc/x                               a symlink
//	bin/b     = bin/tool                                a hard link
//	bin/p     fifo | socket | char 1:3 | block 7:0 | sparse 65536
//
// acl, default-acl, cap and selinux are short for attributes, +i and +a are flags of
// chattr. As an expectation, "-" means that nothing is there, "~" is the folder of
// orphans, and what is not said may be anything.
type item struct {
	path   string
	kind   byte // f d l h p s c b, z for sparse, - for absent
	body   string
	rdev   uint64
	size   int64
	mode   int // -1: not said
	owner  []int
	xattrs map[string]string
	flags  int
}

// word is a token of the compact form.
type word struct {
	text   string
	quoted bool
}

func parseTree(text string) (items []item, err error) {
	var line []word
	end := func() {
		if len(line) > 0 && err == nil {
			var one item
			one, err = parseItem(line)
			items, line = append(items, one), nil
		}
	}
	for text != "" && err == nil {
		switch c := text[0]; {
		case c == '\n' || c == ';':
			end()
			text = text[1:]
		case c == ' ' || c == '\t':
			text = text[1:]
		default:
			var w word
			w, text, err = nextWord(text)
			line = append(line, w)
		}
	}
	end()
	return items, err
}

func nextWord(text string) (word, string, error) {
	if text[0] != '"' {
		n := strings.IndexAny(text+" ", " \t\n;")
		return word{text: text[:n]}, text[min(n, len(text)):], nil
	}
	quoted, err := strconv.QuotedPrefix(text)
	if err != nil {
		return word{}, "", fmt.Errorf("%.40s: %w", text, err)
	}
	plain, err := strconv.Unquote(quoted)
	return word{plain, true}, text[len(quoted):], err
}

func parseItem(words []word) (item, error) {
	one := item{path: words[0].text, mode: -1, xattrs: map[string]string{}}
	if rest, ok := strings.CutPrefix(one.path, "~"); ok {
		one.path = orphans + rest
	}
	if rest, ok := strings.CutSuffix(one.path, "/"); ok {
		one.path, one.kind = rest, 'd'
	}
	for words = words[1:]; len(words) > 0; {
		n, err := one.take(words)
		if err != nil {
			return one, fmt.Errorf("%q: %w", one.path, err)
		}
		words = words[n:]
	}
	if one.kind == 0 {
		return one, fmt.Errorf("%q: no content", one.path)
	}
	return one, nil
}

// take reads one property and tells how many words it had.
func (i *item) take(words []word) (int, error) {
	first := words[0]
	if i.kind == 0 {
		return i.takeKind(words)
	}
	switch name, value, _ := strings.Cut(first.text, "="); {
	case name == "mode":
		mode, err := strconv.ParseUint(value, 8, 16)
		i.mode = int(mode)
		return 1, err
	case name == "owner":
		i.owner = make([]int, 2)
		_, err := fmt.Sscanf(value, "%d:%d", &i.owner[0], &i.owner[1])
		return 1, err
	case first.text == "+i":
		i.flags |= unix.STATX_ATTR_IMMUTABLE
	case first.text == "+a":
		i.flags |= unix.STATX_ATTR_APPEND
	case shorthand(name) != nil:
		pair := shorthand(name)
		i.xattrs[pair[0]] = pair[1]
	case strings.Contains(name, "."):
		i.xattrs[name] = value
	default:
		return 0, fmt.Errorf("what is %q?", first.text)
	}
	return 1, nil
}

func (i *item) takeKind(words []word) (n int, err error) {
	var second string
	if len(words) > 1 {
		second = words[1].text
	}
	i.kind, i.body, n = 'f', words[0].text, 1
	if words[0].quoted {
		return n, nil
	}
	switch words[0].text {
	case "->":
		i.kind, i.body, n = 'l', second, 2
	case "=":
		i.kind, i.body, n = 'h', second, 2
	case "fifo":
		i.kind, i.body = 'p', ""
	case "socket":
		i.kind, i.body = 's', ""
	case "char", "block":
		var major, minor uint32
		_, err = fmt.Sscanf(second, "%d:%d", &major, &minor)
		i.kind, i.body, i.rdev, n = words[0].text[0], "", unix.Mkdev(major, minor), 2
	case "sparse":
		i.size, err = strconv.ParseInt(second, 10, 64)
		i.kind, n = 'z', 2
	case "-":
		i.kind = '-'
	}
	return n, err
}

// shorthand is the attribute that a word is short for: name and value.
func shorthand(name string) []string {
	const acl = "\x02\x00\x00\x00" + "\x01\x00\x07\x00\xff\xff\xff\xff" + "\x02\x00\x05\x00\xe8\x03\x00\x00" +
		"\x04\x00\x05\x00\xff\xff\xff\xff" + "\x10\x00\x05\x00\xff\xff\xff\xff" + "\x20\x00\x05\x00\xff\xff\xff\xff"
	switch name {
	case "acl": // a user 1000 who may read and run
		return []string{"system.posix_acl_access", acl}
	case "default-acl":
		return []string{"system.posix_acl_default", acl}
	case "cap": // net_bind_service, effective
		return []string{"security.capability", "\x01\x00\x00\x02\x00\x04" + strings.Repeat("\x00", 14)}
	case "selinux":
		return []string{"security.selinux", "system_u:object_r:bin_t:s0\x00"}
	}
	return nil
}

// plant makes a tree of the compact form below dir.
func plant(t failer, dir, text string) {
	t.Helper()
	items, err := parseTree(text)
	if err != nil {
		t.Fatalf("the test's own tree: %v", err)
	}
	for n, one := range items {
		if err := one.make(dir, n); err != nil {
			t.Fatalf("make %q: %v", one.path, err)
		}
	}
	for _, one := range items { // when all is in it
		if one.flags != 0 {
			setFlags(t, filepath.Join(dir, one.path), one.flags)
		}
	}
}

func (i *item) make(dir string, n int) error {
	path := filepath.Join(dir, i.path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if i.kind == 'h' {
		return os.Link(filepath.Join(dir, i.body), path)
	}
	if err := i.create(path); err != nil {
		return err
	}
	return i.dress(path, n)
}

func (i *item) create(path string) error {
	switch i.kind {
	case 'd':
		return os.MkdirAll(path, 0o755)
	case 'l':
		return os.Symlink(i.body, path)
	case 'p':
		return unix.Mknod(path, unix.S_IFIFO|0o600, 0)
	case 's':
		return unix.Mknod(path, unix.S_IFSOCK|0o600, 0)
	case 'c':
		return unix.Mknod(path, unix.S_IFCHR|0o600, int(i.rdev))
	case 'b':
		return unix.Mknod(path, unix.S_IFBLK|0o600, int(i.rdev))
	case 'z':
		return sparse(path, i.size)
	}
	return os.WriteFile(path, []byte(i.body), 0o600)
}

// sparse makes a file with a hole, data, and a hole at its end.
func sparse(path string, size int64) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.WriteAt([]byte("in the middle"), size/2); err != nil {
		return err
	}
	return file.Truncate(size)
}

// dress sets owner, mode, attributes and time, in the order in which none of them
// takes another away. Each entry has a time of its own.
func (i *item) dress(path string, n int) error {
	if i.owner != nil {
		if err := os.Lchown(path, i.owner[0], i.owner[1]); err != nil {
			return err
		}
	}
	mode := map[byte]int{'d': 0o755, 'f': 0o644, 'z': 0o644}[i.kind]
	if i.mode >= 0 {
		mode = i.mode
	}
	if i.mode >= 0 || mode != 0 {
		if err := unix.Chmod(path, uint32(mode)); err != nil {
			return err
		}
	}
	for name, value := range i.xattrs {
		if err := unix.Lsetxattr(path, name, []byte(value), 0); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if i.kind == 'd' {
		return nil
	}
	when := unix.Timespec{Sec: 1_500_000_000 + int64(n), Nsec: 123_456_789}
	return unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{when, when}, unix.AT_SYMLINK_NOFOLLOW)
}
