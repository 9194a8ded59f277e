package usrmerge

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// many is a root with files in folders that both sides have, as many packages
// leave it.
func many(tb testing.TB, folders, files int) string {
	tb.Helper()
	root := tb.TempDir()
	for i := range folders {
		old, twin := filepath.Join(root, fmt.Sprintf("lib/f%d", i)), filepath.Join(root, fmt.Sprintf("usr/lib/f%d", i))
		for _, dir := range []string{old, twin} {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				tb.Fatal(err)
			}
		}
		for j := range files {
			if err := os.WriteFile(filepath.Join(old, fmt.Sprintf("file-%d", j)), []byte("x"), 0o644); err != nil {
				tb.Fatal(err)
			}
		}
	}
	return root
}

// BenchmarkMerge: 6,000 files in 400 folders that both sides have, on one device.
// cpu-ms/op does not depend on what else the machine does.
func BenchmarkMerge(b *testing.B) {
	var used time.Duration
	defer func() { b.ReportMetric(float64(used.Milliseconds())/float64(b.N), "cpu-ms/op") }()
	for b.Loop() {
		b.StopTimer()
		root := many(b, 400, 15)
		unix.Sync() // what the test itself wrote is not to be waited for
		b.StartTimer()
		before := processor(b)
		if result, err := Run(b.Context(), Options{Root: root}); err != nil || !result.Merged {
			b.Fatal(result, err)
		}
		used += processor(b) - before
		b.StopTimer()
		if err := os.RemoveAll(root); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// processor is the time that this process has had, its own and the kernel's for it.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// BenchmarkMerged: what a boot pays when there is nothing to do.
func BenchmarkMerged(b *testing.B) {
	root := many(b, 1, 1)
	if _, err := Run(b.Context(), Options{Root: root}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if merged, err := Merged(root, nil); err != nil || !merged {
			b.Fatal(merged, err)
		}
	}
}
