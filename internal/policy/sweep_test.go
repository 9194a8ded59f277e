package policy_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"moss/internal/testutil"
)

// made are the places where the name of a fault point is put together: the start
// of the name, and a pattern that finds the rest of each in the sources of the
// package. Early boot has one test for all of its steps, which are one loop.
func made() map[string]struct{ prefix, rest, test string } {
	return map[string]struct{ prefix, rest, test string }{
		"internal/system/transaction.go": {"transaction/", `\{"([a-z-]+)", \(\*transaction\)`, ""},
		"bootloader/apply.go":            {"menu/", `Op = "([a-z]+)"`, ""},
		"bootloader/sdboot/apply.go":     {"loader/", `Op = "([a-z]+)"`, "TestPain14EveryCutStarts"},
		"bootloader/extlinux/plan.go":    {"extlinux/", `Op = "([a-z]+)"`, ""},
		"usrmerge/apply.go":              {"usr-merge/", `(?:\{|a\.step\()"([a-z-]+)"(?:\)|, \(\*applier\))`, ""},
		"initramfs/early/boot.go":        {"early/", `\{"([a-z-]+)", \(\*Boot\)`, "TestEveryStepIsAFaultPoint"},
	}
}

// TestEveryFaultPointIsCut: a point at which no test stops is a promise that
// nobody holds the program to.
func TestEveryFaultPointIsCut(t *testing.T) {
	points := faultPoints(t)
	if len(points) < 60 {
		t.Errorf("only %d fault points were found: the search is broken", len(points))
	}
	sweep := testsOf(t, filepath.Join(testutil.Repo(t), "internal/system"))
	for point, dir := range points {
		named := regexp.MustCompile(`"` + regexp.QuoteMeta(point) + `[":]`)
		if !named.MatchString(sweep) && !named.MatchString(testsOf(t, dir)) && !oneTestForAll(t, point, dir) {
			t.Errorf("point %s: neither the sweep of internal/system nor a test in %s stops there", point, dir)
		}
	}
}

func oneTestForAll(t *testing.T, point, dir string) bool {
	for _, m := range made() {
		if m.test != "" && strings.HasPrefix(point, m.prefix) && strings.Contains(testsOf(t, dir), "func "+m.test+"(") {
			return true
		}
	}
	return false
}

// faultPoints maps every point of the tree to the folder of its package.
func faultPoints(t *testing.T) map[string]string {
	points := map[string]string{}
	for _, path := range sources(t) {
		if strings.HasSuffix(path, "_test.go") || filepath.Base(filepath.Dir(path)) == "fault" {
			continue
		}
		literals, uses := pointsIn(t, path)
		for _, point := range literals {
			points[point] = filepath.Dir(path)
		}
		name, err := filepath.Rel(testutil.Repo(t), path)
		if err != nil {
			t.Fatal(err)
		}
		if m, known := made()[name]; known {
			for _, rest := range namedIn(t, filepath.Dir(path), m.rest) {
				points[m.prefix+rest] = filepath.Dir(path)
			}
		} else if uses > len(literals) {
			t.Errorf("%s puts the name of a fault point together: say in this test how", name)
		}
	}
	return points
}

// pointsIn finds the literal points of a file, and how often it uses
// fault.Point at all.
func pointsIn(t *testing.T, path string) (literals []string, uses int) {
	parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if isPoint(n) {
			uses++
		}
		// A parameter called point stands for fault.Point.
		if call, ok := n.(*ast.CallExpr); ok && len(call.Args) == 1 {
			name, isName := call.Fun.(*ast.Ident)
			if lit, ok := call.Args[0].(*ast.BasicLit); ok && (isPoint(call.Fun) || isName && name.Name == "point") {
				literals = append(literals, strings.Trim(lit.Value, `"`))
			}
		}
		return true
	})
	return literals, uses
}

func isPoint(n ast.Node) bool {
	selector, ok := n.(*ast.SelectorExpr)
	if !ok || selector.Sel.Name != "Point" {
		return false
	}
	from, ok := selector.X.(*ast.Ident)
	return ok && from.Name == "fault"
}

// namedIn finds what a pattern captures in the sources of a folder.
func namedIn(t *testing.T, dir, pattern string) (all []string) {
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(textOf(t, dir, false), -1) {
		all = append(all, match[1])
	}
	if len(all) == 0 {
		t.Errorf("%s: nothing is like %s: the search is broken", dir, pattern)
	}
	return all
}

func testsOf(t *testing.T, dir string) string { return textOf(t, dir, true) }

func textOf(t *testing.T, dir string, tests bool) string {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") != tests {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}
