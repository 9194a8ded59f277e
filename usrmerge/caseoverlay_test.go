package usrmerge_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moss/internal/testutil"
)

// overlay is a root of two layers: the tree below, what is written above.
func overlay(t *testing.T, tree, options string) string {
	t.Helper()
	base := inMemory(t)
	at := func(name string) string { return filepath.Join(base, name) }
	plant(t, base, `lower/usr/; upper/; work/; root/`)
	plant(t, at("lower"), tree)
	mount(t, "overlay", at("root"), "overlay", 0, "lowerdir="+at("lower")+",upperdir="+at("upper")+",workdir="+at("work")+options)
	return at("root")
}

// TestOverlayRoot: folders of the lower layer may not be renamable (EXDEV). Either
// the merge is whole, or that folder is refused in words and works on; never half.
func TestOverlayRoot(t *testing.T) {
	if !testutil.Privately(t) {
		return
	}
	const tree = `bin/a A; usr/bin/o O; lib/only/b B; lib/only/c/d D; usr/lib/o O; lib32/e E; sbin/l -> ../etc/x; etc/x X; bin/differs old; usr/bin/differs new`
	for name, options := range map[string]string{
		"folders cannot be renamed": ",redirect_dir=off,index=off,metacopy=off",
		"folders can be renamed":    ",redirect_dir=on,index=off,metacopy=off",
		"with an index":             ",redirect_dir=on,index=on",
	} {
		t.Run(name, func(t *testing.T) {
			dir := overlay(t, tree, options)
			before := take(t, dir)
			for range 2 {
				result := merge(t, dir)
				if renamable := !strings.Contains(options, "redirect_dir=off"); result.Merged != renamable && renamable {
					t.Fatalf("got merged %v, %+v", result.Merged, result.Plan.Refusals)
				}
				for _, refused := range result.Plan.Refusals {
					if refused.Why == "" || refused.Hint == "" {
						t.Errorf("got %+v, want words", refused)
					}
				}
				before.wantWorking(t, dir, gaveWay{"bin/differs": true})
				wantTidy(t, dir)
			}
			wantEntries(t, dir, `bin/a A; usr/bin/o O; lib/only/c/d D; lib32/e E; etc/x X`)
		})
	}
}

// TestOverlayOfUpperFolders: what was made in the upper layer can be renamed anyway.
func TestOverlayOfUpperFolders(t *testing.T) {
	if !testutil.Privately(t) {
		return
	}
	dir := overlay(t, `etc/x X`, ",redirect_dir=off,index=off,metacopy=off")
	e := everything(true)
	if err := os.Remove(filepath.Join(dir, "usr")); err != nil {
		t.Fatal(err)
	}
	e.run(t, dir)
}
