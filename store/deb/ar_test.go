package deb

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"moss/store/deb/debtest"
)

func TestReadMembers(t *testing.T) {
	ar := debtest.Ar(debtest.Member{Name: "debian-binary", Body: "2.0\n"}, debtest.Member{Name: "odd/", Body: "abc"}, debtest.Member{Name: "empty"})
	got, err := readMembers(bytes.NewReader(ar), int64(len(ar)))
	if err != nil {
		t.Fatal(err)
	}
	want := "[{debian-binary 68 4} {odd 132 3} {empty 196 0}]"
	if fmt.Sprint(got) != want {
		t.Errorf("got %v, want %v", got, want)
	}
	// The padding of the last member may be missing.
	ar = bytes.TrimSuffix(debtest.Ar(debtest.Member{Name: "odd", Body: "abc"}), []byte("\n"))
	if _, err := readMembers(bytes.NewReader(ar), int64(len(ar))); err != nil {
		t.Errorf("archive without its last padding: %v", err)
	}
}

func TestReadMembersRefuses(t *testing.T) {
	good := string(debtest.Ar(debtest.Member{Name: "debian-binary", Body: "2.0\n"}))
	size := func(s string) string { return strings.Replace(good, "4         `", s+"`", 1) }
	for name, test := range map[string]struct{ ar, want string }{
		"empty file":          {"", "no ar archive"},
		"other magic":         {"!<arcx>\n", "no ar archive"},
		"thin archive":        {"!<thin>\n", "no ar archive"},
		"header cut":          {good[:40], "unexpected EOF"},
		"end mark missing":    {strings.Replace(good, "`\n", "xx", 1), "end mark"},
		"negative size":       {size("-60       "), "not a number"},
		"hex size":            {size("0x4       "), "not a number"},
		"size beyond the end": {size("9999999999"), "the file has"},
		"size of 2^63":        {size("9223372036")[:len(good)-4], "the file has"},
		"too many members":    {string(debtest.Ar(make([]debtest.Member, arMembers+1)...)), "more than 32"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readMembers(strings.NewReader(test.ar), int64(len(test.ar)))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error about %q", err, test.want)
			}
		})
	}
}

func FuzzReadMembers(f *testing.F) {
	f.Add(debtest.Ar(debtest.Member{Name: "debian-binary", Body: "2.0\n"}, debtest.Member{Name: "odd", Body: "abc"}))
	f.Add([]byte(arMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		members, err := readMembers(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		end := int64(len(arMagic))
		for _, m := range members {
			if m.off < end+arHeader || m.size < 0 || m.off+m.size > int64(len(b)) {
				t.Fatalf("member %+v of %d bytes overlaps or leaves the file", m, len(b))
			}
			end = m.off + m.size
		}
	})
}
