package repo_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"moss/store/repo"
	"moss/store/stone"
)

func sample() []repo.Package {
	full := meta("full")
	full.Description, full.Homepage, full.SourceID = "long", "https://example.org", "full"
	full.Licenses = []string{"MIT", ""}
	full.Depends = []stone.Provider{{Kind: stone.KindSoname, Name: "libc.so.6"}, {Kind: stone.KindName, Name: "x"}}
	full.Provides = []stone.Provider{{Kind: stone.KindBinary, Name: "full"}}
	full.Conflicts = []stone.Provider{{Kind: stone.KindName, Name: "empty"}}
	full.BuildDepends = []stone.Provider{{Kind: stone.KindPkgConfig32, Name: "z"}}
	full.SourceURI, full.SourcePath, full.SourceRef = "u", "p", "r"
	full.Release, full.BuildRelease = 1<<63, 300
	var all []repo.Package
	for _, m := range []stone.Meta{full, {}, meta("plain")} {
		all = append(all, repo.Package{Meta: m, ID: m.Hash, Size: int64(m.Size), URL: "https://example.org/" + m.URI})
	}
	return all
}

func TestCacheGivesBackWhatItWasMadeOf(t *testing.T) {
	c, err := repo.DecodeCache(repo.EncodeCache(sample()))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample(), c.Packages()); diff != "" {
		t.Error(diff)
	}
	// The lists lie one behind the other: an append to one must not write into
	// the next.
	got := c.Packages()
	_ = append(got[0].Meta.Depends, stone.Provider{Name: "intruder"})
	if diff := cmp.Diff(sample(), got); diff != "" {
		t.Errorf("after an append: %s", diff)
	}
}

func TestEveryCutOfACacheIsFound(t *testing.T) {
	whole := repo.EncodeCache(sample())
	for n := range len(whole) {
		if _, err := repo.DecodeCache(whole[:n]); err == nil {
			t.Fatalf("%d of %d bytes were taken for a whole one", n, len(whole))
		}
	}
	if _, err := repo.DecodeCache(whole + "x"); err == nil {
		t.Error("a byte too many was taken")
	}
}

func FuzzCache(f *testing.F) {
	whole := repo.EncodeCache(sample())
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	// Counts that promise more than there is.
	f.Add("mossrep1\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x01\x01")
	f.Add("mossrep1\x00\x00\x01\xff\xff\xff\xff\x0f\x01")
	f.Fuzz(func(t *testing.T, data string) {
		c, err := repo.DecodeCache(data)
		if err == nil && len(c.Packages()) > len(data) {
			t.Errorf("%d packages of %d bytes", len(c.Packages()), len(data))
		}
	})
}
