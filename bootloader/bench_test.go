package bootloader_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"moss/bootloader"
	"moss/internal/atomicfile"
)

// counter counts what goes to the real disk.
type counter struct {
	bootloader.Disk
	calls, bytes int
}

func (c *counter) Create(dir, pattern string) (atomicfile.File, error) {
	c.calls++
	file, err := c.Disk.Create(dir, pattern)
	return counted{file, c}, err
}

type counted struct {
	atomicfile.File
	c *counter
}

func (f counted) Write(data []byte) (int, error) {
	f.c.calls, f.c.bytes = f.c.calls+1, f.c.bytes+len(data)
	return f.File.Write(data)
}

func (f counted) Sync() error {
	f.c.calls++
	return f.File.Sync()
}

func (c *counter) Rename(from, to string) error {
	c.calls++
	return c.Disk.Rename(from, to)
}

func (c *counter) SyncDir(dir string) error {
	c.calls++
	return c.Disk.SyncDir(dir)
}

func (c *counter) SyncFS(dir string) error {
	c.calls++
	return c.Disk.SyncFS(dir)
}

const (
	kernelSize = 8 << 20
	initrdSize = 24 << 20
)

// BenchmarkSync makes a new menu, all states with one kernel and one initrd of a
// usual size, hashing them first; BenchmarkPeer copies the same files as cp does and
// syncs once, which is what many do. BenchmarkSecondSync has nothing to do.
func BenchmarkSync(b *testing.B) {
	for _, n := range []uint64{5, 50} {
		b.Run(fmt.Sprintf("%d states", n), func(b *testing.B) {
			r, kernel, initrd := newRig(b, nil), strings.Repeat("k", kernelSize), strings.Repeat("i", initrdSize)
			first := r.state(1, "6.1="+kernel+"+"+initrd)
			w := want()
			w.Keep = int(n)
			for id := uint64(1); id <= n; id++ {
				s := first
				s.ID = id
				w.States = append(w.States, s)
			}
			count := counter{Disk: bootloader.RealDisk{}}
			for b.Loop() {
				r.boot.Dir = b.TempDir()
				r.boot.ESP = r.boot.Dir
				plan, err := r.plan(w)
				if err == nil {
					_, err = bootloader.ApplyOn(plan, nil, &count)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
			last := len(r.scan().Ours[0].Data)
			b.ReportMetric(float64(count.bytes)/float64(b.N), "written-B/op")
			b.ReportMetric(float64(count.calls)/float64(b.N), "calls/op")
			b.ReportMetric(float64(last), "B/further-state")
		})
	}
}

func BenchmarkSecondSync(b *testing.B) {
	r := newRig(b, nil)
	w := want(r.state(1, "6.1="+strings.Repeat("k", kernelSize)+"+"+strings.Repeat("i", initrdSize)))
	r.sync(w)
	for b.Loop() {
		if plan := r.sync(w); len(plan.Steps) > 0 {
			b.Fatal(ops(plan))
		}
	}
}

func BenchmarkPeer(b *testing.B) {
	r := newRig(b, nil)
	files := []string{r.file(strings.Repeat("k", kernelSize)), r.file(strings.Repeat("i", initrdSize))}
	for b.Loop() {
		for _, from := range files {
			if err := plainCopy(from, filepath.Join(r.boot.Dir, filepath.Base(from))); err != nil {
				b.Fatal(err)
			}
		}
		if err := atomicfile.SyncFS(r.boot.Dir); err != nil {
			b.Fatal(err)
		}
	}
}

// plainCopy hides both files from io.Copy, or the kernel would share the extents
// where the file system can, which FAT cannot.
func plainCopy(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(struct{ io.Writer }{out}, struct{ io.Reader }{in})
	if err == nil {
		err = out.Close()
	}
	return err
}
