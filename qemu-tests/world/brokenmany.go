package world

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"moss/qemu-tests/disk"
)

// Gallery is a disk on which many states have a flaw each, so that one boot meets
// them all: 1 works, 3 is live and does not, 99 is to be broken by the test.
type Gallery struct {
	Path  string
	Flaws map[int]Flaw // by state
}

// LeftFlaws are those that are told only of the state that is wanted.
func LeftFlaws() []Flaw {
	return append(exchangeFlaws(), FlawNamed("recorded"), FlawNamed("no modules"), FlawNamed("misnamed"))
}

// Last is the newest state of a gallery.
const Last = 99

// Gallery makes one of the mini root below dir, of which the menu has every state
// with this kernel.
func (w *World) Gallery(ctx context.Context, dir, path, kernel string) (*Gallery, error) {
	g := &Gallery{Path: path, Flaws: map[int]Flaw{}}
	for _, f := range Flaws() {
		if !slices.ContainsFunc(LeftFlaws(), func(left Flaw) bool { return left.Name == f.Name }) {
			g.Flaws[10+len(g.Flaws)] = f
		}
	}
	tree := path + ".tree"
	defer os.RemoveAll(tree)
	err := slim(ctx, filepath.Join(dir, "mini"), tree)
	if err == nil {
		err = g.states(ctx, tree, kernel)
	}
	if err == nil {
		_, err = disk.Build(ctx, path, disk.Layout{ESP: disk.Volume{Size: 34 << 20, Label: "ESP", GUID: ESPGUID}, Root: disk.Volume{Size: 512 << 20, Tree: tree, Label: "root", GUID: RootGUID}})
	}
	for state, f := range g.Flaws {
		if err == nil {
			err = f.Break(ctx, dir, path, state)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("make a disk of broken states: %w", err)
	}
	return g, nil
}

// states are all copies of state 2, which goes.
func (g *Gallery) states(ctx context.Context, tree, kernel string) error {
	two, menu := filepath.Join(tree, ".moss/root/2"), ""
	for state := range Last + 1 {
		if _, ok := g.Flaws[state]; !ok && state != Last {
			continue
		}
		menu += fmt.Sprintf("%d %s\n", state, kernel)
		copied := filepath.Join(tree, ".moss/root", fmt.Sprint(state))
		if out, err := exec.CommandContext(ctx, "cp", "-al", two, copied).CombinedOutput(); err != nil {
			return fmt.Errorf("copy state: %w: %s", err, out)
		}
		seal := filepath.Join(copied, "usr/.stateID")
		if err := os.Remove(seal); err != nil {
			return err
		}
		if err := os.WriteFile(seal, fmt.Append(nil, state), 0o644); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(two); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(tree, ".moss/boot/failed"), 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(tree, ".moss/boot/menu"), []byte(menu+"1 "+kernel+"\n"), 0o644)
}
