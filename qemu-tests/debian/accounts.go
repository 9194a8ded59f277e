package debian

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// accounts is the content of passwd and group, in order.
type accounts struct {
	users  []user
	groups []group
}

type user struct {
	name               string
	uid, gid           int
	gecos, home, login string
}

type group struct {
	name    string
	gid     int
	members []string
}

// udevGroups own device nodes by udev's rules; its postinst script makes them.
// Without them udev complains on every boot.
func udevGroups() []string { return []string{"input", "sgx", "kvm", "render"} }

// makeAccounts writes the four account files from base-passwd's masters, the
// groups of udev's script, and what packages declare in sysusers.d.
func makeAccounts(root, rootPassword string) error {
	if exists(filepath.Join(root, "etc/passwd")) {
		return nil
	}
	a, err := masters(root)
	if err != nil {
		return err
	}
	for _, name := range udevGroups() {
		a.addGroup(name, -1)
	}
	if err := a.addDeclared(root); err != nil {
		return err
	}
	return a.write(root, rootPassword)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func masters(root string) (*accounts, error) {
	a := &accounts{}
	err := eachLine(filepath.Join(root, "usr/share/base-passwd/passwd.master"), func(line string) error {
		f := strings.Split(line, ":")
		if len(f) != 7 {
			return fmt.Errorf("account %q: not seven fields", line)
		}
		uid, err1 := strconv.Atoi(f[2])
		gid, err2 := strconv.Atoi(f[3])
		a.users = append(a.users, user{f[0], uid, gid, f[4], f[5], f[6]})
		return errors.Join(err1, err2)
	})
	if err != nil {
		return nil, err
	}
	return a, eachLine(filepath.Join(root, "usr/share/base-passwd/group.master"), func(line string) error {
		f := strings.Split(line, ":")
		if len(f) != 4 {
			return fmt.Errorf("group %q: not four fields", line)
		}
		gid, err := strconv.Atoi(f[2])
		a.groups = append(a.groups, group{name: f[0], gid: gid})
		return err
	})
}

// eachLine skips comments and empty lines.
func eachLine(path string, do func(line string) error) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if err := do(line); err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(path), err)
		}
	}
	return nil
}

// addDeclared takes sysusers.d(5) files in the order of their names.
func (a *accounts) addDeclared(root string) error {
	files, err := filepath.Glob(filepath.Join(root, "usr/lib/sysusers.d/*.conf"))
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := eachLine(file, a.declare); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

var word = regexp.MustCompile(`"[^"]*"|\S+`)

// declare adds what one line of sysusers.d asks for, unless it is there.
func (a *accounts) declare(line string) error {
	f := word.FindAllString(line, -1)
	for i := range f {
		f[i] = strings.Trim(f[i], `"`)
	}
	for len(f) < 6 {
		f = append(f, "-")
	}
	uid, gid, err := ids(f[2])
	if err != nil && f[0] != "m" && f[0] != "r" {
		return fmt.Errorf("%q: %w", line, err)
	}
	switch f[0] {
	case "g":
		a.addGroup(f[1], uid)
	case "u":
		a.addUser(user{f[1], uid, gid, dash(f[3], ""), dash(f[4], "/"), dash(f[5], "/usr/sbin/nologin")})
	case "m":
		a.addMember(f[1], f[2])
	}
	return nil
}

func dash(text, otherwise string) string {
	if text == "-" {
		return otherwise
	}
	return text
}

// ids reads "-", "42" or "42:43"; -1 is one to be chosen.
func ids(text string) (uid, gid int, err error) {
	if text == "-" {
		return -1, -1, nil
	}
	first, second, both := strings.Cut(text, ":")
	if uid, err = strconv.Atoi(first); err != nil || !both {
		return uid, -1, err
	}
	gid, err = strconv.Atoi(second)
	return uid, gid, err
}

func (a *accounts) addGroup(name string, gid int) int {
	if i := slices.IndexFunc(a.groups, func(g group) bool { return g.name == name }); i >= 0 {
		return a.groups[i].gid
	}
	if gid < 0 || a.taken(gid) {
		gid = a.free()
	}
	a.groups = append(a.groups, group{name: name, gid: gid})
	return gid
}

func (a *accounts) addUser(u user) {
	if slices.ContainsFunc(a.users, func(old user) bool { return old.name == u.name }) {
		return
	}
	if u.uid < 0 {
		u.uid = a.free()
	}
	if u.gid < 0 {
		u.gid = a.addGroup(u.name, u.uid)
	}
	a.users = append(a.users, u)
}

func (a *accounts) addMember(name, groupName string) {
	a.addGroup(groupName, -1)
	i := slices.IndexFunc(a.groups, func(g group) bool { return g.name == groupName })
	if !slices.Contains(a.groups[i].members, name) {
		a.groups[i].members = append(a.groups[i].members, name)
	}
}

func (a *accounts) taken(id int) bool {
	return slices.ContainsFunc(a.groups, func(g group) bool { return g.gid == id })
}

// free is the highest id below 1000 that nobody has, as systemd-sysusers and
// adduser choose it.
func (a *accounts) free() int {
	id := 999
	for a.taken(id) || slices.ContainsFunc(a.users, func(u user) bool { return u.uid == id }) {
		id--
	}
	return id
}

// write makes the four files. All accounts but root are locked.
func (a *accounts) write(root, rootPassword string) error {
	var passwd, shadow, groups, gshadow strings.Builder
	for _, u := range a.users {
		fmt.Fprintf(&passwd, "%s:x:%d:%d:%s:%s:%s\n", u.name, u.uid, u.gid, u.gecos, u.home, u.login)
		password := "*"
		if u.uid == 0 {
			password = rootPassword
		}
		// A day of last change other than 0, which would ask for a new
		// password at the first login.
		fmt.Fprintf(&shadow, "%s:%s:19000:0:99999:7:::\n", u.name, password)
	}
	slices.SortStableFunc(a.groups, func(x, y group) int { return cmp.Compare(x.gid, y.gid) })
	for _, g := range a.groups {
		fmt.Fprintf(&groups, "%s:x:%d:%s\n", g.name, g.gid, strings.Join(g.members, ","))
		fmt.Fprintf(&gshadow, "%s:*::%s\n", g.name, strings.Join(g.members, ","))
	}
	shadowGroup := a.addGroup("shadow", 42)
	return errors.Join(
		put(root, file{"etc/passwd", passwd.String(), 0o644, 0}),
		put(root, file{"etc/group", groups.String(), 0o644, 0}),
		put(root, file{"etc/shadow", shadow.String(), 0o640, shadowGroup}),
		put(root, file{"etc/gshadow", gshadow.String(), 0o640, shadowGroup}),
	)
}
