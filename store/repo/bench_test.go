package repo_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"testing"

	"moss/store/repo"
	"moss/store/stone"
)

// big is an index of n packages of the size that real ones have.
func big(n int) []stone.Meta {
	all := make([]stone.Meta, n)
	for i := range all {
		m := meta(fmt.Sprintf("package-%05d", i))
		m.Description = "A package that stands for many, with a description of about the length that people write when they have to."
		m.Homepage, m.SourceID, m.Licenses = "https://example.org/"+m.Name, m.Name, []string{"GPL-2.0-or-later", "MIT"}
		for k := range 8 {
			m.Depends = append(m.Depends, stone.Provider{Kind: stone.KindSoname, Name: fmt.Sprintf("lib%d.so.%d(x86_64)", i/3+k, k)})
			m.Provides = append(m.Provides, stone.Provider{Kind: stone.KindSoname, Name: fmt.Sprintf("lib%d.so.%d(x86_64)", i, k)})
		}
		all[i] = m
	}
	return all
}

// BenchmarkAvailable loads 100,000 packages: two repositories, for an index file
// of version 1 holds at most 65,535.
func BenchmarkAvailable(b *testing.B) {
	root, dir := b.TempDir(), b.TempDir()
	for i, name := range []string{"one", "two"} {
		at := filepath.Join(dir, name)
		write(b, at, "stone.index", string(encode(b, big(100000)[i*50000:][:50000]...)))
		add(b, root, repo.Repository{Name: name, URI: at, Unsigned: true, Enabled: true})
	}
	if _, err := repo.Update(b.Context(), root, nil, impatient()); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		all, err := repo.Available(root)
		if err != nil || len(all) != 100000 {
			b.Fatal(len(all), err)
		}
	}
}

// BenchmarkIndexItself is why there is a packages file.
func BenchmarkIndexItself(b *testing.B) {
	index := encode(b, big(50000)...)
	b.ReportMetric(float64(len(index)), "bytes")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := stone.NewReader(bytes.NewReader(index), int64(len(index))); err != nil {
			b.Fatal(err)
		}
	}
}
