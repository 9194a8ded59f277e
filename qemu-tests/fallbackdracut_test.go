package qemutests

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"moss/qemu-tests/disk"
	"moss/qemu-tests/world"
)

// TestFallbackCausesInDracut: the same causes inside an initramfs of dracut, whose
// boots take long: one boot meets a state for each fault of a tree.
func TestFallbackCausesInDracut(t *testing.T) {
	alongside(t)
	words := fmt.Sprintf("rw moss.fstx=%d root=PARTUUID=%s", world.Last, world.RootGUID)
	w := waitsInDracut(t, words)
	made := gallery(t)
	for _, flaw := range append(world.LeftFlaws(), world.Busy()) {
		t.Run(flaw.Name, func(t *testing.T) {
			inTurn(t, 2)
			b, g := breaksLast(t, w, made, flaw)
			if flaw.Reason == "" {
				b.start().look(world.Last)
				return
			}
			b.meets(g, flaw.Reason)
			if flaw.Name == "exchange across projects" {
				b.goesStraight("failed before (")
			}
		})
	}
	init := filepath.Join(filepath.Dir(shared.initrds[faultImage]), "bin", string(faultImage))
	for _, refusal := range world.Refusals() {
		if refusal.Reason == world.Busy().Reason {
			continue // which was real
		}
		t.Run(refusal.Name, func(t *testing.T) {
			inTurn(t, 2)
			b, _ := breaksLast(t, w, made, refusal.At(init))
			b.start().stays(world.Last, refusal.Reason)
		})
	}
}

// breaksLast makes a gallery whose last state has a flaw.
func breaksLast(t *testing.T, w func() (*world.Waiting, error), made func() (*world.Gallery, error), flaw world.Flaw) (*broken, *world.Gallery) {
	t.Helper()
	g, err := made()
	if err != nil {
		t.Fatal(err)
	}
	b := &broken{t: t, w: w, disk: filepath.Join(t.TempDir(), "disk.raw")}
	if err := disk.Copy(t.Context(), g.Path, b.disk); err != nil {
		t.Fatal(err)
	}
	if err := flaw.Break(t.Context(), shared.dir, b.disk, world.Last); err != nil {
		t.Fatal(err)
	}
	return b, g
}

func gallery(t *testing.T) func() (*world.Gallery, error) {
	t.Helper()
	dir := t.TempDir()
	return sync.OnceValues(func() (*world.Gallery, error) {
		w, err := world.New(os.Stderr)
		if err != nil {
			return nil, err
		}
		return w.Gallery(context.Background(), shared.dir, filepath.Join(dir, "gallery.raw"), shared.kernel.Version)
	})
}

// meets boots a gallery: every state but the first has its reason.
func (b *broken) meets(g *world.Gallery, reason string) {
	b.t.Helper()
	s := b.goesStraight(reason)
	told := map[int]string{}
	for _, f := range s.report.Failed {
		told[f.State] = f.Reason
	}
	for state, flaw := range g.Flaws {
		_, record, _ := strings.Cut(s.all, fmt.Sprintf("=%d\n", state))
		record, _, _ = strings.Cut(record, "\n=")
		want := strings.ReplaceAll(flaw.Reason, "/.moss/root/2/", fmt.Sprintf("/.moss/root/%d/", state))
		if !strings.Contains(told[state], want) || !strings.Contains(record, "reason: "+told[state]+"\n") {
			b.t.Errorf("state %d (%s): got %q in boot.json and %q recorded, want %q", state, flaw.Name, told[state], record, want)
		}
	}
}

// goesStraight boots a gallery to state 1, because the last one cannot work.
func (b *broken) goesStraight(reason string) seen {
	b.t.Helper()
	m := b.start()
	m.expect(fmt.Sprintf("moss-init: state 1 activated (wanted %d: ", world.Last))
	s := m.look(1)
	r := s.report
	if r.Wanted != world.Last || r.Activated != 1 || !r.Fallback || r.Step != 1 || !strings.Contains(r.Reason, reason) || !strings.Contains(m.vm.Text(), reason) {
		b.t.Errorf("got %+v, want state 1 instead of %d for %q", r, world.Last, reason)
	}
	s.all = m.run("cd /.moss/boot/failed && for n in *; do echo =$n; cat $n; done") + "\n="
	if b.booted > 1 && len(r.Failed) != 1 {
		b.t.Errorf("got %+v, want that no other state was tried again", r.Failed)
	}
	m.stop()
	return s
}
