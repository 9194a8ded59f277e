package system_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"moss/internal/system"
	"moss/internal/testutil"
	"moss/store/stone"
)

// hostile is a package file that must be refused, and what the error must say.
type hostile struct {
	file func(t testing.TB) []byte
	want []string
}

// onePath is a package of one file at a path that should be refused.
func onePath(path string, want ...string) hostile {
	return hostile{func(testing.TB) []byte {
		body := []byte("root::0:0::/:/bin/sh\n")
		return rawStone(rawMeta(), plain(kindLayout, 1, rawFile(path, body)), plain(kindIndex, 1, rawIndex(0, uint64(len(body)), stone.HashOf(body))),
			plain(kindContent, 0, body))
	}, want}
}

func layouts(want string, records ...[]byte) hostile {
	return hostile{func(testing.TB) []byte {
		var all []byte
		for _, r := range records {
			all = append(all, r...)
		}
		empty := stone.EmptyHash()
		return rawStone(rawMeta(), plain(kindLayout, uint32(len(records)), all), plain(kindIndex, 1, rawIndex(0, 0, empty)), plain(kindContent, 0, nil))
	}, []string{want}}
}

// withIndex is a package of one good content, whose index says something else.
func withIndex(want string, count uint32, index ...byte) hostile {
	return hostile{func(testing.TB) []byte {
		body := []byte("content")
		return rawStone(rawMeta(), plain(kindLayout, 1, rawFile("share/x", body)), plain(kindIndex, count, index), plain(kindContent, 0, body))
	}, []string{want}}
}

func hostilePackages() map[string]hostile {
	content, other := stone.HashOf([]byte("content")), stone.HashOf([]byte("other"))
	link := func(path, target string) []byte { return rawLayout(0o120777, target, path) }
	empty := func(path string) []byte { return rawFile(path, nil) }
	return map[string]hostile{
		"absolute path":   onePath("/etc/passwd", "/etc/passwd", "absolute"),
		"dot dot":         onePath("../etc/passwd", "../etc/passwd"),
		"usr/../etc":      onePath("share/../../etc/passwd", ".."),
		"dot":             onePath("share/./x", "component"),
		"empty component": onePath("share//x", "empty component"),
		"trailing slash":  onePath("share/x/", "slash"),
		"empty path":      onePath("", "empty"),
		"NUL":             onePath("share/a\x00b", "NUL"),
		"newline":         onePath("share/a\nb", "newline"),
		"256-byte name":   onePath("share/"+strings.Repeat("n", 256), "255"),
		// A record's length ends at 65,535 bytes: 100,000 levels cannot be written.
		"32,000-deep path":               onePath(strings.Repeat("d/", 32_000)+"x", "longer"),
		"state's own mark":               onePath(".stateID", ".stateID"),
		"through its own symlink":        layouts("goes through symlink", link("lib/evil", "/etc"), empty("lib/evil/passwd")),
		"through another's symlink":      layouts("goes through symlink", empty("lib64/passwd")),
		"through a file":                 layouts("goes through file", empty("share/f"), empty("share/f/g")),
		"path of 4,095 bytes":            onePath(strings.Repeat("d/", 2_047)+"x", "longer"),
		"duplicate path":                 layouts("share/x", empty("share/x"), empty("share/x")),
		"file and folder of one name":    layouts("share/x", empty("share/x"), rawLayout(0o040755, "", "share/x")),
		"character device":               layouts("device", rawLayout(0o020666, "", "lib/mem")),
		"block device":                   layouts("device", rawLayout(0o060666, "", "lib/sda")),
		"fifo":                           layouts("fifo", rawLayout(0o010666, "", "lib/pipe")),
		"socket":                         layouts("socket", rawLayout(0o140666, "", "lib/sock")),
		"hash that does not match":       withIndex("hash", 1, rawIndex(0, 7, other)...),
		"index past the content":         withIndex("index", 1, rawIndex(0, 4<<30, content)...),
		"index overlapping":              withIndex("index", 2, append(rawIndex(0, 7, content), rawIndex(3, 7, other)...)...),
		"index backwards":                withIndex("index", 1, rawIndex(7, 0, content)...),
		"unknown version of the file":    {func(t testing.TB) []byte { b := rawStone(rawMeta()); b[31] = 2; return b }, []string{"version"}},
		"unknown version of a payload":   {func(t testing.TB) []byte { p := rawMeta(); p.version = 9; return rawStone(p) }, []string{"version"}},
		"4 GiB claimed in few bytes":     claimed(4 << 30),
		"more than 64 bits can add up":   claimed(1<<63 + 1),
		"decompression bomb in metadata": bomb(kindLayout),
		"decompression bomb in content":  bomb(kindContent),
		"truncated":                      {func(t testing.TB) []byte { b := onePath("share/x").file(t); return b[:len(b)-3] }, nil},
		"not a stone":                    {func(testing.TB) []byte { return []byte("#!/bin/sh\nrm -rf /\n") }, nil},
		"empty file":                     {func(testing.TB) []byte { return nil }, nil},
	}
}

// claimed is a package whose content payload says that it unpacks to size.
func claimed(size uint64) hostile {
	return hostile{func(t testing.TB) []byte {
		body := []byte("content")
		big := rawPayload{kind: kindContent, compression: squeezed, version: 1, plain: size, data: squeeze(t, body)}
		return rawStone(rawMeta(), plain(kindLayout, 1, rawFile("share/x", body)), plain(kindIndex, 1, rawIndex(0, size, stone.HashOf(body))), big)
	}, nil}
}

// bomb is a payload that says it is small and unpacks to 256 MiB.
func bomb(kind byte) hostile {
	return hostile{func(t testing.TB) []byte {
		zeros := squeeze(t, make([]byte, 256<<20))
		p := rawPayload{kind: kind, compression: squeezed, version: 1, records: 1, plain: 64, data: zeros}
		if kind == kindLayout {
			return rawStone(rawMeta(), p)
		}
		h := stone.HashOf(make([]byte, 64))
		return rawStone(rawMeta(), plain(kindLayout, 1, rawLayout(0o100644, string(h[:]), "share/x")), plain(kindIndex, 1, rawIndex(0, 64, h)), p)
	}, nil}
}

// TestHostilePackages installs each of them beside a good package: it is refused
// by name, and neither the live tree nor the store nor anything outside changes.
func TestHostilePackages(t *testing.T) {
	for name, c := range hostilePackages() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := newRoot(t)
			install(t, options(root), base(), testutil.Stone{Name: "links", Files: testutil.Tree{"lib64": "-> lib"}})
			before := snapshot(t, root)
			path := filepath.Join(t.TempDir(), "evil-1-1-1-x86_64.stone")
			if err := os.WriteFile(path, c.file(t), 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := system.Transact(t.Context(), options(root), system.Change{Stones: []string{path}})
			if err == nil {
				t.Fatal("it was installed")
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not say %q", err, part)
				}
			}
			if len(err.Error()) > 800 || strings.Contains(err.Error(), "goroutine") {
				t.Errorf("that is no error for people: %.200q", err)
			}
			if diff := cmp.Diff(before, snapshot(t, root)); diff != "" {
				t.Errorf("something changed:\n%s", diff)
			}
		})
	}
}

// TestHarmlessOddities: what is strange but within the rules is installed as it is.
func TestHarmlessOddities(t *testing.T) {
	root := newRoot(t)
	install(t, options(root), base())
	body := []byte("content")
	odd := []string{"share/" + strings.Repeat("n", 255), "share/\xff\xfe not UTF-8", "share/ blank", "share/-rf", "share/*", "share/a\\b"}
	var records []byte
	for _, path := range odd {
		records = append(records, rawFile(path, body)...)
	}
	unknown := rawPayload{kind: 77, compression: stored, version: 1, records: 3, plain: 5, data: []byte("other")}
	file := filepath.Join(t.TempDir(), "odd.stone")
	data := rawStone(rawMeta(), unknown, plain(kindLayout, uint32(len(odd)), records),
		plain(kindIndex, 1, rawIndex(0, 7, stone.HashOf(body))), plain(kindContent, 0, body))
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := system.Transact(t.Context(), options(root), system.Change{Stones: []string{file}}); err != nil {
		t.Fatal(err)
	}
	for _, path := range odd {
		if got, err := os.ReadFile(filepath.Join(root, "usr", path)); string(got) != "content" {
			t.Errorf("%q: got %q, %v", path, got, err)
		}
	}
}

// TestSetuidTwinOfACommonContent: the twin is a file of its own; neither the
// live state nor an archived one gets its mode.
func TestSetuidTwinOfACommonContent(t *testing.T) {
	root := newRoot(t)
	install(t, options(root), base(), testutil.Stone{Name: "a", Files: testutil.Tree{"bin/a": "0755:program"}})
	install(t, options(root), testutil.Stone{Name: "evil", Files: testutil.Tree{"bin/evil": "4755:program"}})
	for path, want := range map[string]uint32{"usr/bin/a": 0o755, "usr/bin/evil": 0o4755, ".moss/root/1/usr/bin/a": 0o755} {
		var st unix.Stat_t
		if err := unix.Lstat(filepath.Join(root, path), &st); err != nil || st.Mode&0o7777 != want {
			t.Errorf("%s: got mode %o, %v, want %o", path, st.Mode&0o7777, err, want)
		}
	}
}

// TestHostileSizesTakeNoMemory: what a file claims is not allocated.
func TestHostileSizesTakeNoMemory(t *testing.T) {
	all := hostilePackages()
	for _, name := range []string{"4 GiB claimed in few bytes", "decompression bomb in content", "decompression bomb in metadata"} {
		path := filepath.Join(t.TempDir(), "evil.stone")
		if err := os.WriteFile(path, all[name].file(t), 0o644); err != nil {
			t.Fatal(err)
		}
		root := newRoot(t)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := system.Transact(t.Context(), options(root), system.Change{Stones: []string{path}}); err == nil {
			t.Errorf("%s: installed", name)
		}
		runtime.ReadMemStats(&after)
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 128<<20 {
			t.Errorf("%s: %d MiB were allocated", name, grown>>20)
		}
	}
}

// snapshot lists everything below a root that a refusal must leave alone: the
// live tree, the states, the assets, the menu, and what is outside of all.
func snapshot(t testing.TB, root string) []string {
	t.Helper()
	var kept []string
	for _, line := range testutil.List(t, root) {
		if strings.Contains(line, ".moss/db/") || strings.Contains(line, ".moss/lock") || strings.Contains(line, ".moss/assets/stage") {
			continue
		}
		kept = append(kept, line)
	}
	return kept
}
