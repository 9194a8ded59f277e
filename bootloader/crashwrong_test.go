package bootloader_test

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"moss/bootloader"
	"moss/internal/atomicfile"
)

// wrong is a recorder that leaves calls out or moves them.
type wrong struct {
	*recorder
	noHold, noSyncFS, noStart, lateDir, onceSynced, longLate bool
	renamed                                                  string
}

func (w *wrong) Create(dir, pattern string) (atomicfile.File, error) {
	w.renamed = ""
	file, err := w.recorder.Create(dir, pattern)
	return wrongFile{file, w}, err
}

type wrongFile struct {
	atomicfile.File
	w *wrong
}

// Sync: with lateDir the folder comes after the file.
func (f wrongFile) Sync() error {
	if f.w.renamed == "" {
		return f.File.Sync()
	}
	if f.w.onceSynced {
		return nil
	}
	err := f.File.Sync()
	if f.w.lateDir {
		err = errors.Join(err, f.w.recorder.SyncDir(f.w.renamed))
	}
	return err
}

func (w *wrong) Rename(from, to string) error {
	w.renamed = to[:strings.LastIndexByte(to, '/')]
	return w.recorder.Rename(from, to)
}

func (w *wrong) SyncDir(dir string) error {
	if w.longLate && w.renamed == "" || w.lateDir && w.renamed == dir {
		return nil
	}
	return w.recorder.SyncDir(dir)
}

func (w *wrong) SyncFS(dir string) error {
	if w.noSyncFS {
		return nil
	}
	return w.recorder.SyncFS(dir)
}

func (w *wrong) Hold(path string) (io.Closer, error) {
	if w.noHold {
		return nil, errors.New("not held")
	}
	return w.recorder.Hold(path)
}

func (w *wrong) Start(path string) int {
	if w.noStart {
		return 0
	}
	return w.recorder.Start(path)
}

// TestTheProofFindsFaults: each of these would be right on a file system that
// writes in the order of the calls, and some on one with a journal.
func TestTheProofFindsFaults(t *testing.T) {
	first := func(op bootloader.Op) func([]bootloader.Step) []bootloader.Step {
		return func(steps []bootloader.Step) []bootloader.Step {
			slices.SortStableFunc(steps, func(a, b bootloader.Step) int {
				return map[bool]int{true: -1}[a.Op == op] - map[bool]int{true: -1}[b.Op == op]
			})
			return steps
		}
	}
	for name, c := range map[string]struct {
		wrong wrong
		order func([]bootloader.Step) []bootloader.Step
		want  string
		// from is where to begin: what is rare was found a little later.
		from int
	}{
		"no fsync after the rename":         {wrong: wrong{onceSynced: true, noSyncFS: true}, want: "no complete entry"},
		"entries before their files":        {wrong: wrong{noSyncFS: true}, order: first(bootloader.OpEntry), want: "not complete"},
		"removing before writing":           {order: first(bootloader.OpDrop), want: "no complete entry"},
		"letting go of what is replaced":    {wrong: wrong{noHold: true}, want: "no complete entry|loader.conf: got"},
		"the file before the folder":        {wrong: wrong{lateDir: true, noStart: true}, want: "belongs to|free cluster", from: 2},
		"believing an fsync of the file":    {wrong: wrong{noSyncFS: true}, want: "", from: 9},
		"the long name later than clusters": {wrong: wrong{longLate: true}, want: "nobody will find"},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := c.from; seed < 300; seed++ {
				p := rapid.Custom(func(rt *rapid.T) *proof { return newProof(t, rt) }).Example(seed)
				if p.blind = c.wrong.noStart; p.blind {
					p.again = 1000
				}
				if c.wrong.noSyncFS {
					p.limit = 50
				}
				plan := p.prepare()
				if c.order != nil {
					plan.Steps = c.order(slices.Clone(plan.Steps))
				}
				err := p.run(func(rec *recorder) error {
					w := c.wrong
					w.recorder = rec
					_, err := bootloader.ApplyOn(plan, nil, &w)
					return err
				})
				p.close()
				if err != nil && slices.ContainsFunc(strings.Split(c.want, "|"), func(want string) bool { return strings.Contains(err.Error(), want) }) {
					t.Logf("seed %d: %.150s", seed, err)
					return
				}
			}
			t.Errorf("got no fault with %q", c.want)
		})
	}
}
