package repo_test

import (
	"encoding/json"
	"strings"
	"testing"

	"moss/store/repo"
)

func FuzzSource(f *testing.F) {
	f.Add("url: https://example.org\nkey: RW\ntime: 2026-01-01T00:00:00Z\nsha256: " + hash("x") + "\npackages: 3\nupdated: 2026-01-01T00:00:00Z\n")
	f.Add("url\n")
	f.Fuzz(func(t *testing.T, text string) { _, _ = repo.ParseSource([]byte(text)) })
}

func FuzzIndex(f *testing.F) {
	f.Add(encode(f, meta("nano")))
	base, err := repo.IndexURL("https://example.org")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := repo.ParseIndex(data, base)
		for _, p := range all {
			if err == nil && (strings.ContainsAny(p.ID+p.Meta.FileName(), "/\n") || !strings.HasPrefix(p.URL, "https://")) {
				t.Errorf("got %+v", p)
			}
			if _, err := json.Marshal(p); err != nil {
				t.Error(err)
			}
		}
	})
}

// FuzzTakeovers: what is read is what is written again.
func FuzzTakeovers(f *testing.F) {
	f.Add("new 2026-01-01T00:00:00Z old older\nlast 2027-01-01T00:00:00Z\n")
	f.Add("new\n")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := repo.ParseRecord([]byte(text))
		if err != nil {
			return
		}
		again, err := repo.ParseRecord([]byte(all.Encode()))
		if err != nil || again.Encode() != all.Encode() {
			t.Errorf("%q: got %q, %v", text, again.Encode(), err)
		}
	})
}
