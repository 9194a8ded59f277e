package stone

import (
	"io"
	"os"
	"testing"
)

func BenchmarkContents(b *testing.B) {
	m, layouts, sources, total := benchPackage(b)
	r := open(b, write(b, m, layouts, sources))
	b.SetBytes(total)
	b.ReportAllocs()
	for b.Loop() {
		err := r.Contents(b.TempDir(), func(_ IndexEntry, src io.Reader) error {
			_, err := io.Copy(io.Discard, src)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	path := real(b, bashCompletion)
	b.ReportAllocs()
	for b.Loop() {
		r, err := Open(path)
		if err != nil {
			b.Fatal(err)
		}
		r.Close()
	}
}

func BenchmarkWrite(b *testing.B) {
	for name, level := range map[string]int{"fastest": 1, "normal": 3, "better": 6} {
		b.Run(name, func(b *testing.B) {
			m, layouts, sources, total := benchPackage(b)
			path := b.TempDir() + "/x.stone"
			b.SetBytes(total)
			for b.Loop() {
				if err := Write(path, m, layouts, sources, WriteOptions{Level: level}); err != nil {
					b.Fatal(err)
				}
			}
			info, err := os.Stat(path)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(info.Size())/float64(total), "stored/plain")
		})
	}
}

// benchPackage holds this test binary in slices of 256 KiB: machine code and
// tables, which is what packages are made of.
func benchPackage(b *testing.B) (Meta, []Layout, []Source, int64) {
	b.Helper()
	program, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		b.Fatal(err)
	}
	var layouts []Layout
	var sources []Source
	for at := 0; at < len(program); at += 256 << 10 {
		s := source(program[at:min(at+256<<10, len(program))])
		layouts = append(layouts, Layout{Path: s.Hash.String(), Mode: 0o100644, Hash: s.Hash})
		sources = append(sources, s)
	}
	return Meta{Name: "bench"}, layouts, sources, int64(len(program))
}
