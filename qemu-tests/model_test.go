package qemutests

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"moss/qemu-tests/debian"
	"moss/qemu-tests/probe"
	"moss/qemu-tests/world"
)

// How many sets of each kind are asked.
const (
	looseSets = 130
	menuSets  = 70
)

// probeLimit is for one run of the machine, far above the half minute that it takes
// on an idle one.
const probeLimit = 20 * time.Minute

// TestLoaderModelAgreesWithSystemdBoot compares what we say about a menu with
// what the real loader makes of it: which entries it shows and in which order,
// which one it starts, under which name the file is afterwards, what it says to
// the system. The sets are random; MOSS_PROBE_SEED repeats a run or makes another.
func TestLoaderModelAgreesWithSystemdBoot(t *testing.T) {
	inTurn(t, 5)
	seed := uint64(1)
	if text := os.Getenv("MOSS_PROBE_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("MOSS_PROBE_SEED=%d", seed)
	questions := randomSets(t, seed)
	got, err := bench(t).Ask(t.Context(), t.Name(), questions)
	if err != nil {
		t.Fatal(err)
	}
	doubts := 0
	for i, q := range questions {
		did := outcomeOf(got[i])
		if diff := gocmp.Diff(predict(t, q, did.Shown), did); diff != "" {
			t.Errorf("set %d: what we say (-) and what the loader did (+):\n%s%s", i, diff, show(q))
		}
		next := nextOf(t, q)
		if next.doubtful {
			doubts++
		} else if strings.ToLower(next.File) != did.Selected {
			t.Errorf("set %d: moss-boot says %q (%s), the loader chose %q\n%s", i, next.File, next.Text, did.Selected, show(q))
		}
	}
	if doubts > len(questions)/5 {
		t.Errorf("moss-boot was in doubt about %d of %d sets", doubts, len(questions))
	}
}

// bench is where the real loader is asked.
func bench(t *testing.T) probe.Bench {
	t.Helper()
	loader, err := loaderProgram()
	if err != nil {
		t.Fatal(err)
	}
	return probe.Bench{Dir: shared.dir, Loader: loader, Accel: shared.accel, Limit: probeLimit}
}

var loaderProgram = sync.OnceValues(func() ([]byte, error) {
	w, err := world.New(os.Stderr)
	if err != nil {
		return nil, err
	}
	debs, err := w.Debs(context.Background(), debian.System())
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(debs, func(d debian.Deb) bool { return d.Name == "systemd-boot-efi" })
	return debs[i].ReadFile(context.Background(), "usr/lib/systemd/boot/efi/systemd-bootx64.efi")
})

func entryFiles(q probe.Question) []string {
	var files []string
	for name := range q.Files {
		if file, ok := strings.CutPrefix(name, "loader/entries/"); ok {
			files = append(files, file)
		}
	}
	slices.Sort(files)
	return files
}

// show prints a set so that a person can take it apart.
func show(q probe.Question) string {
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(q.Files)) {
		if strings.HasPrefix(name, "loader/") {
			fmt.Fprintf(&out, "%s: %q\n", filepath.Base(name), q.Files[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(q.Vars)) {
		fmt.Fprintf(&out, "%s = %q\n", name, q.Vars.Text(name))
	}
	return out.String()
}
