package resolve_test

import (
	"strings"
	"testing"

	"moss/store/resolve"
	"moss/store/stone"
)

func TestBest(t *testing.T) {
	one := func(id, name string, release uint64, priority int, provides ...stone.Provider) resolve.Package {
		return resolve.Package{ID: id, Priority: priority, Meta: &stone.Meta{Name: name, Version: "1", Release: release, Provides: provides}}
	}
	vi := stone.Provider{Kind: stone.KindBinary, Name: "vi"}
	all := []resolve.Package{one("1", "vim", 1, 0, vi), one("2", "vim", 2, 0, vi), one("3", "vim", 1, 5, vi), one("4", "nvi", 9, 0, vi)}
	for what, want := range map[stone.Provider]string{{Name: "vim"}: "3", vi: "3", {Name: "nvi"}: "4"} {
		if got, err := resolve.Best(all, what); err != nil || got.ID != want {
			t.Errorf("%v: got %s, %v, want %s", what, got.ID, err, want)
		}
	}
	if _, err := resolve.Best(all, stone.Provider{Name: "vym"}); err == nil || !strings.Contains(err.(*resolve.Unsolvable).Hint(), "vim") {
		t.Errorf("got %v, want a hint at vim", err)
	}
}
