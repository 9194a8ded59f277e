package image

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/u-root/u-root/pkg/cpio"
)

// archive makes a cpio with u-root's writer.
func archive(t testing.TB, records ...cpio.Record) string {
	t.Helper()
	var b bytes.Buffer
	w := cpio.Newc.Writer(&b)
	if err := cpio.WriteRecords(w, records); err != nil {
		t.Fatal(err)
	}
	if err := cpio.WriteTrailer(w); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestListReadsWhatTheKernelReads(t *testing.T) {
	early := archive(t, cpio.StaticFile("kernel/x86/microcode/GenuineIntel.bin", "code!", 0o644))
	main := archive(t, cpio.Directory("usr", 0o755), cpio.Symlink("lib", "usr/lib"), cpio.StaticFile("init", "#!", 0o755))
	e := Entry{"kernel/x86/microcode/GenuineIntel.bin", 0o100644, 5, ""}
	m := []Entry{{"usr", 0o40755, 0, ""}, {"lib", 0o120777, 7, "usr/lib"}, {"init", 0o100755, 2, ""}}
	zeros := strings.Repeat("\x00", 508)
	for about, c := range map[string]struct {
		image string
		want  []Entry
	}{
		"plain":           {main, m},
		"zeros after":     {main + zeros, m},
		"two":             {early + zeros + main, append([]Entry{e}, m...)},
		"gzip":            {squeeze(t, "gzip", main), m},
		"xz":              {squeeze(t, "xz", main), m},
		"zstd":            {squeeze(t, "zstd", main), m},
		"early and zstd":  {early + zeros + squeeze(t, "zstd", main+zeros), append([]Entry{e}, m...)},
		"two inside gzip": {squeeze(t, "gzip", early+zeros+main), append([]Entry{e}, m...)},
	} {
		got, err := List(strings.NewReader(c.image))
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", about, err, diff)
		}
	}
}

func TestListRefuses(t *testing.T) {
	main := archive(t, cpio.StaticFile("init", "#!", 0o755))
	for image, want := range map[string]string{
		"":                          "empty",
		"\x00\x00\x00\x00":          "empty",
		"hello":                     "neither a cpio archive nor",
		main + "junk":               "neither a cpio archive nor",
		"070707" + main[6:]:         `no cpio magic but "070707"`,
		"\x02\x21\x4c\x18aaaa":      "lz4 is not read here",
		squeeze(t, "gzip", "hello"): "neither a cpio archive nor",
		squeeze(t, "gzip", squeeze(t, "gzip", main)): "neither a cpio archive nor",
		main[:94] + "7FFFFFFF" + main[102:]:          "length 2147483647 is not 1 to 4096",
		main[:94] + "0000000G" + main[102:]:          "cpio header",
	} {
		_, err := List(strings.NewReader(image))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: got %v, want %q", image, err, want)
		}
	}
}

func TestListFindsEveryCut(t *testing.T) {
	dir := root(t)
	for _, kind := range []string{"none", "zstd", "xz"} {
		image, _ := build(t, Config{Root: dir, Compress: kind})
		whole, err := List(bytes.NewReader(image))
		if err != nil || len(whole) == 0 {
			t.Fatal(err)
		}
		step := max(1, len(image)/400)
		// What is last in a stream is its checksum or index, after the last entry.
		for n := 0; n < len(image)-40; n += step {
			if got, err := List(bytes.NewReader(image[:n])); err == nil {
				t.Errorf("%s cut at %d of %d: got %d entries and no error", kind, n, len(image), len(got))
			}
		}
	}
}

func FuzzList(f *testing.F) {
	main := archive(f, cpio.Symlink("lib", "usr/lib"), cpio.StaticFile("init", "#!", 0o755))
	for _, seed := range []string{main, main + "\x00\x00" + main, squeeze(f, "gzip", main), squeeze(f, "zstd", main), squeeze(f, "xz", main)} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, image []byte) {
		entries, err := List(bytes.NewReader(image))
		if err != nil && entries != nil {
			t.Error("got entries beside an error")
		}
		for _, e := range entries {
			if len(e.Name) > 4096 || len(e.Target) > 4096 {
				t.Errorf("got a text of %d bytes", max(len(e.Name), len(e.Target)))
			}
		}
	})
}
