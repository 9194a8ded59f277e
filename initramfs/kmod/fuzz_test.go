package kmod

import (
	"path/filepath"
	"strings"
	"testing"
)

func FuzzParseDep(f *testing.F) {
	f.Add("kernel/a-b.ko.xz: kernel/c.ko\nkernel/c.ko:\n")
	f.Add("a.ko: b.ko\nb.ko: a.ko\n")
	f.Add("../a.ko:\n")
	f.Add("Y.ko: c.ko\nZ 00/c.ko: ") // a path with a space cannot be a dependency
	f.Fuzz(func(t *testing.T, text string) {
		files, err := parseDep(text)
		if err != nil {
			return
		}
		x := &Index{files: files}
		for name, file := range files {
			if !filepath.IsLocal(file.path) || name != Name(name) {
				t.Errorf("accepted %q as %q", file.path, name)
			}
			list, err := x.Closure(name)
			if err == nil && list[len(list)-1].Name != name {
				t.Errorf("closure of %s ends in %v", name, list)
			}
		}
		again, err := parseDep(x.depText())
		if err != nil || len(again) != len(files) {
			t.Errorf("own text is read as %d modules, %v, want %d", len(again), err, len(files))
		}
	})
}

func FuzzParseSoftdep(f *testing.F) {
	f.Add("softdep ext4 pre: crypto-crc32c\nsoftdep a pre: b c post: d pre: e\n")
	f.Add("softdep cifs gcm\nsoftdep a pre:\n#\n")
	f.Fuzz(func(t *testing.T, text string) {
		softs := parseSoftdep(text)
		count := func(softs map[string]soft) (n int) {
			for _, s := range softs {
				n += len(s.pre) + len(s.post)
			}
			return n
		}
		again := parseSoftdep((&Index{softs: softs}).softdepText())
		if count(again) != count(softs) {
			t.Errorf("own text is read as %v, want %v", again, softs)
		}
	})
}

func FuzzAlias(f *testing.F) {
	f.Add("alias usb:v0BC2p331[0-57]d* usb-storage\n", "usb:v0BC2p3313d0100")
	f.Add("alias [ a\nalias [! b\nalias \\ c\n", "[")
	f.Fuzz(func(t *testing.T, text, modalias string) {
		aliases := parseAlias(text)
		x := &Index{aliases: aliases}
		for _, name := range x.Match(modalias) {
			if !strings.Contains(Name(text), name) {
				t.Errorf("%q is in no line", name)
			}
		}
		if again := parseAlias(aliasText(x.aliases)); len(again) != len(aliases) {
			t.Errorf("own text is read as %v, want %v", again, aliases)
		}
		if !strings.ContainsAny(modalias, `*?[\`) && !match(modalias, modalias) {
			t.Errorf("%q does not match itself", modalias)
		}
	})
}
