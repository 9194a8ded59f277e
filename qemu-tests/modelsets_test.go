package qemutests

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"moss/bootloader/bls"
	"moss/qemu-tests/probe"
)

// randomSets are menus as anybody may have written them, then menus as we write
// them.
func randomSets(t *testing.T, seed uint64) []probe.Question {
	t.Helper()
	d := dice{rand.New(rand.NewPCG(seed, 252))}
	var sets []probe.Question
	for range looseSets {
		sets = append(sets, d.loose(t))
	}
	for range menuSets {
		sets = append(sets, d.menu(t))
	}
	return sets
}

type dice struct{ *rand.Rand }

// one picks a text; what is in the list several times is picked more often.
func (d dice) one(texts ...string) string { return texts[d.IntN(len(texts))] }

// oneIn is true once in n times.
func (d dice) oneIn(n int) bool { return d.IntN(n) == 0 }

// loose is a set of up to nine entries of every make.
func (d dice) loose(t *testing.T) probe.Question {
	t.Helper()
	q := probe.Question{Files: map[string][]byte{
		"linux": probe.Image(nil), "m/Linux.efi": probe.Image(nil), "m/initrd": []byte("initrd"),
	}, Vars: probe.Variables{}}
	taken := map[string]bool{} // FAT does not tell names apart that differ in case
	add := func(name, text string) {
		if !taken[strings.ToLower(name)] {
			taken[strings.ToLower(name)] = true
			q.Files["loader/entries/"+name] = []byte(text)
		}
	}
	stems := d.stems()
	for range 1 + d.IntN(9) {
		add(d.fileName(d.one(stems...)), d.entry())
	}
	// Without an entry the loader would wait at its menu and then restart the
	// machine; the second is for the case that we are wrong about the first.
	for len(shownEntries(t, q)) < 2 {
		add(d.fileName(d.one(stems...)), "linux /linux\n")
	}
	d.wishes(t, q)
	return q
}

// stems are few, so that twins come up.
func (d dice) stems() []string {
	stems := []string{d.version(), d.version()}
	for range 4 {
		stems = append(stems, d.one("a", "b", "moss-abcd1234-3-6.1_", "moss-abcd1234-10-6.1_", "moss-abcd1234-9-6.12_", "linux-6.9", "linux-6.10",
			"Linux-6.10", "linux-6.10~rc1", "linux", "1_", "1", "x.y", "x-y", "AUTO-x", "0a1b2c3d4e5f60718293a4b5c6d7e8f9-6.1.0-amd64", "arch", "a+b"))
	}
	return stems
}

// version is a text that the comparison of versions has to take apart.
func (d dice) version() string {
	var out strings.Builder
	for range 1 + d.IntN(6) {
		out.WriteString(d.one("0", "1", "9", "10", "007", "12", "a", "b", "rc", "Z", ".", ".", "-", "-", "~", "^", "_", "ab"))
	}
	return out.String()
}

func (d dice) fileName(stem string) string {
	counter := d.one("", "", "", "", "", "+3", "+3", "+2-1", "+1-2", "+0-3", "+0-3", "+0", "+0-2", "+3-0", "+03", "+10", "+9-10",
		"+", "+x", "+3-", "+-1", "+1-2-3", "+99999999999", "+2147483647", "+2147483648", "+1-2147483647", "+ 3", "+3x", "+0x3")
	name := stem + counter + d.one(".conf", ".conf", ".conf", ".conf", ".conf", ".conf", ".conf", ".conf", ".conf", ".CONF", ".Conf", ".conf.old", ".tmp")
	name = d.one("", "", "", "", "", "", "", "", "", "", "", "", "auto-", ".") + name
	// mtools, which fills the disk, makes short names of its own of many with a
	// tilde: x~1.conf becomes X~1.CON.
	return regexp.MustCompile(`~([^r])`).ReplaceAllString(name, "_$1")
}

// entry is the text of an entry, or of something like it.
func (d dice) entry() string {
	if d.oneIn(25) {
		return d.one("", "\n", "\x00\x00\x00\x00", "title only\n", "# linux /linux\n", "linux\n")
	}
	lines := []string{d.program()}
	for _, line := range []struct {
		in    int
		key   string
		value func() string
	}{
		{1, "title", func() string { return d.one("One", "Two", `"quoted"`, `"`, "Grüße", "with # sign", "") }},
		{2, "sort-key", func() string {
			return d.one("debian", "debian", "debian", "0-debian", "0-debian", "~debian", "arch", "Debian", d.version())
		}},
		{2, "version", func() string { return d.one(d.version(), d.version(), "3-6.1.0", "10-6.1.0", "10-6.1.0") }},
		{2, "machine-id", func() string {
			return d.one(strings.Repeat("0a", 16), strings.Repeat("0a", 16), strings.Repeat("ff", 16), "x")
		}},
		{5, "architecture", func() string { return d.one("x64", "x64", "x64", "X64", "aa64", "ia32") }},
		{3, "initrd", func() string { return d.one("/m/initrd", "/m/absent") }},
		{2, "options", func() string { return d.one("quiet", "root=x quiet") }},
		{9, "devicetree", func() string { return "/absent.dtb" }},
		{6, "grub_users", func() string { return "$grub_users" }},
		{8, "linux", func() string { return "/linux" }}, // again
		{9, "sort-key", func() string { return d.one("zz", "00") }},
		{9, "# comment", func() string { return "linux /absent" }},
		{9, "#linux", func() string { return "/absent" }},
		{9, "Linux", func() string { return "/absent" }},
	} {
		if d.oneIn(line.in) {
			lines = append(lines, d.line(line.key, line.value()))
		}
	}
	d.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	text := strings.Join(lines, d.one("\n", "\n", "\n", "\r\n", "\r", "\n\n"))
	return text + d.one("\n", "\n", "", "\r\n", "\n\x00linux /absent\n")
}

func (d dice) program() string {
	key := d.one("linux", "linux", "linux", "linux", "efi")
	return d.line(key, d.one("/linux", "/linux", "/linux", "linux", `\linux`, "/LINUX", "/m/linux.efi", `\m/Linux.EFI`, "/absent", "/m", "//linux", "/m/../linux", `"/linux"`))
}

// line puts blanks where they may be.
func (d dice) line(key, value string) string {
	return d.one("", "", "", "", " ", "\t") + key + d.one(" ", " ", " ", " ", "\t", "  ", " \t ") + value + d.one("", "", "", "", " ", "\t")
}

// wishes sets what leads the loader to its choice. None of it may mean the entry
// that restarts the machine into its setup.
func (d dice) wishes(t *testing.T, q probe.Question) {
	t.Helper()
	entries := shownEntries(t, q)
	conf := d.one("", "timeout 0\n", "# default x\ntimeout 0\n", "timeout 0\r\n", "console-mode keep\n")
	for range d.one("", "", "x", "x", "x", "xx") {
		value := d.pattern(entries, true)
		conf += d.line("default", value) + d.one("\n", "\n", "\r\n", "\r", "")
		if !strings.HasSuffix(conf, "\n") && !strings.HasSuffix(conf, "\r") {
			break
		}
	}
	q.Files["loader/loader.conf"] = []byte(conf)
	for _, v := range []struct {
		name string
		in   int
	}{{"LoaderEntryOneShot", 5}, {"LoaderEntryDefault", 4}, {"LoaderEntryLastBooted", 2}} {
		if d.oneIn(v.in) {
			q.Vars[v.name] = probe.Text(d.pattern(entries, v.name == "LoaderEntryDefault"))
		}
	}
}

// pattern means one of the entries, or more, or none any longer.
func (d dice) pattern(entries []bls.Entry, saved bool) string {
	for {
		id := entries[d.IntN(len(entries))].ID()
		p := d.one(id, id, strings.TrimSuffix(id, ".conf"), strings.ToUpper(id), d.glob(id), d.glob(id), d.glob(id), id[:d.IntN(len(id))]+"*", "*",
			"moss-*", "moss-abcd1234-*", "moss-abcd1234-[0-9]*", "moss-abcd1234-3-*", "gone.conf", "moss-abcd1234-2-*", d.glob("[]a*-?]"), `"`+id+`"`, "@other")
		if saved && d.oneIn(5) {
			return d.one("@saved", "@saved", "@SAVED", "@saved ")
		}
		if p != "" && strings.TrimSpace(p) == p && !d.restarts(p, entries) {
			return p
		}
	}
}

func (d dice) restarts(pattern string, entries []bls.Entry) bool {
	for _, e := range entries {
		if bls.Match(pattern, e.ID()) {
			return false
		}
	}
	return bls.Match(pattern, firmwareEntry)
}

// glob loosens a name at some places.
func (d dice) glob(id string) string {
	var out strings.Builder
	for _, c := range id {
		switch d.IntN(12) {
		case 0:
			out.WriteString("?")
		case 1:
			out.WriteString("*")
		case 2:
			fmt.Fprintf(&out, d.one("[%c]", "[a%c-]", "[]%c]", "[a-z%c]", "[!%c]", "[^%c]", "[%c-", "[0-9%c]", "[-%c]", "[+-9%c]", `[\%c]`), c)
		case 3:
			fmt.Fprintf(&out, `\%c`, c)
		default:
			fmt.Fprintf(&out, "%c", c)
		}
	}
	return out.String()
}
