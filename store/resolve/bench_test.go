package resolve

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"moss/store/stone"
)

// distribution is n packages with ten needs and ten capabilities each, drawn so
// that a few libraries are needed by many, as in real ones.
func distribution(n int) []Package {
	random := rand.New(rand.NewPCG(3, 4))
	all := make([]Package, n)
	for i := range all {
		name := fmt.Sprintf("package-%06d", i)
		m := &stone.Meta{Name: name, Version: "1.0", Release: uint64(1 + i%40)}
		for j := range 10 {
			kind := stone.DepKind(1 + j%8)
			m.Provides = append(m.Provides, stone.Provider{Kind: kind, Name: strings.Clone(fmt.Sprintf("capability-%06d-%d", i, j))})
			if to := int(float64(i) * random.Float64() * random.Float64() * random.Float64() * random.Float64()); i > 0 {
				m.Depends = append(m.Depends, stone.Provider{Kind: kind, Name: fmt.Sprintf("capability-%06d-%d", to, j)})
			}
		}
		if i%50 == 0 {
			m.Provides = append(m.Provides, stone.Provider{Kind: stone.KindBinary, Name: fmt.Sprintf("alternative-%d", i/500)})
		}
		all[i] = Package{ID: fmt.Sprintf("%064x", i), Meta: m, Repo: "volatile"}
	}
	return all
}

// system is what some packages of a distribution bring along.
func system(b *testing.B, all []Package, asked ...int) []Package {
	p := Problem{Available: all}
	for _, i := range asked {
		p.Install = append(p.Install, nameOf(&all[i]))
	}
	s, err := Solve(p)
	if err != nil {
		b.Fatal(err)
	}
	return s.Packages
}

func BenchmarkIndex100k(b *testing.B) {
	all := distribution(100_000)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	x := newIndex(nil, nil, all)
	runtime.GC()
	runtime.ReadMemStats(&after)
	for b.Loop() {
		x = newIndex(nil, nil, all)
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "MB-kept")
	runtime.KeepAlive(x)
}

func BenchmarkSolve100k(b *testing.B) {
	all := distribution(100_000)
	installed := system(b, all, 90_000, 70_000, 50_000, 30_000, 10_000, 5_000)
	x := newIndex(nil, installed, all)
	for name, r := range map[string]Request{
		"install": {Install: []stone.Provider{nameOf(&all[80_000])}},
		"upgrade": {Upgrade: true},
		"unknown": install("package-99999X"),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				solveOn(x, Problem{installed, all, r})
			}
			b.ReportMetric(float64(len(installed)), "installed")
		})
	}
	b.Run("remove", func(b *testing.B) {
		for b.Loop() {
			Solve(Problem{installed, all, Request{Remove: []string{all[90_000].Meta.Name}}})
		}
	})
}
