package adopt_test

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"moss/internal/testutil"
	"moss/store/adopt/adopttest"
)

// BenchmarkAdopt takes over two states of MOSS_BENCH_FILES files each (20,000 if
// unset), of which every tenth differs. AerynOS' own figure for a whole system is
// 231,607 entries.
func BenchmarkAdopt(b *testing.B) {
	files := 20_000
	if n, err := strconv.Atoi(os.Getenv("MOSS_BENCH_FILES")); err == nil {
		files = n
	}
	i, dir := adopttest.New(b, b.TempDir()), b.TempDir()
	stones := [2][]string{}
	for part := range 10 {
		first := bulk(part, 0, files/10).Write(b, dir)
		stones[0], stones[1] = append(stones[0], first), append(stones[1], first)
	}
	stones[1][9] = bulk(9, 1, files/10).Write(b, dir)
	i.Make(adopttest.State{ID: 1, Created: then(), Stones: stones[0], Place: adopttest.Archived})
	i.Make(adopttest.State{ID: 2, Created: then(), Stones: stones[1], Place: adopttest.Live})
	s := open(b, i.Root)
	defer s.Close()
	for b.Loop() {
		if _, err := planOf(b, i.Root, false); err != nil {
			b.Fatal(err)
		}
	}
	// The rest can be done once.
	plan, err := planOf(b, i.Root, true)
	if err != nil {
		b.Fatal(err)
	}
	begun := time.Now()
	if err := plan.Apply(b.Context(), then()); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(time.Since(begun).Seconds(), "apply-s")
	b.ReportMetric(float64(plan.Contents), "contents")
}

func bulk(part, version, files int) testutil.Stone {
	p := testutil.Stone{Name: fmt.Sprintf("bulk%d", part), Version: fmt.Sprint(version), Files: testutil.Tree{}}
	for n := range files {
		p.Files[fmt.Sprintf("share/bulk%d/%d/file-%d", part, n/100, n)] = fmt.Sprintf("file %d of part %d in version %d", n, part, version)
	}
	return p
}
