package kmod

import (
	"strings"
	"testing"

	"moss/internal/testutil"
)

// folder writes the given index files and returns where.
func folder(t testing.TB, files testutil.Tree) string {
	t.Helper()
	dir := t.TempDir()
	files.Create(t, dir)
	return dir
}

func open(t testing.TB, dir string) *Index {
	t.Helper()
	x, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// words gives a closure as text: a '?' marks what is not required.
func words(list []Module) string {
	var names []string
	for _, m := range list {
		name := m.Name
		if !m.Required {
			name += "?"
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}
