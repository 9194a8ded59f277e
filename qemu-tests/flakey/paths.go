package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// paths compares a root with a list of it from before its usr-merge. It prints a
// line for each path that is something else now, by its old name, or that has no
// equal by its new name below /usr.
func paths(list, root string) error {
	text, err := os.ReadFile(list)
	if err != nil {
		return err
	}
	m := merge{root: strings.TrimRight(root, "/"), seen: map[[2]uint64]string{}}
	count := 0
	for line := range strings.Lines(string(text)) {
		quoted, err := strconv.QuotedPrefix(line)
		if err != nil {
			return fmt.Errorf("%s: %w", list, err)
		}
		name, _ := strconv.Unquote(quoted)
		if name == "" || m.top(name) == strings.Trim(name, "/") {
			continue // the root, and what is a symlink after the merge
		}
		m.compare(name, strings.TrimSpace(line[len(quoted):]))
		count++
	}
	fmt.Printf("%d paths, %d of them differ\n", count, m.differ)
	return nil
}

type merge struct {
	root   string
	seen   map[[2]uint64]string // descriptions, by device and inode: most are asked for twice
	differ int
}

// top is the folder that is merged in which a path lies, or "".
func (m *merge) top(name string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(name, "/"), "/")
	if slices.Contains([]string{"bin", "sbin", "lib", "lib32", "lib64"}, first) {
		return first
	}
	return ""
}

func (m *merge) compare(name, before string) {
	now, err := m.describe(name)
	if strings.HasPrefix(before, "40") && strings.HasPrefix(now, "120") {
		// A folder that has gone over whole leads there until its turn has come.
		now, err = m.describe(name + "/.")
	}
	switch {
	case err != nil:
		m.say("%q: %v", name, err)
	case now != before:
		m.say("%q: was %s, is %s", name, before, now)
	}
	// Before the merge there is no new name; afterwards the old one is no folder.
	info, err := os.Lstat(m.root + "/" + m.top(name))
	if m.top(name) == "" || err != nil || info.Mode()&os.ModeSymlink == 0 {
		return
	}
	if moved, err := m.describe("/usr" + name); err != nil {
		m.say("%q: %v", "/usr"+name, err)
	} else if moved != now {
		m.say("%q: is %s, the new name %s", name, now, moved)
	}
}

func (m *merge) say(format string, args ...any) {
	m.differ++
	fmt.Printf(format+"\n", args...)
}

func (m *merge) describe(name string) (string, error) {
	path := m.root + name // not joined: a dot at the end follows a link
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return "", err
	}
	key := [2]uint64{st.Dev, st.Ino}
	if text, known := m.seen[key]; known {
		return text, nil
	}
	text, err := describe(path)
	text = strings.TrimSpace(text)
	m.seen[key] = text
	return text, err
}
