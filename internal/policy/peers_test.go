package policy_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"moss/internal/testutil"
)

var provedBy = regexp.MustCompile("`([a-z0-9/-]+)\\.((?:Test|Fuzz|Benchmark)\\w+)(?:/([^`]+))?`")

// TestEveryPeerRowHasItsTest: docs/peers.md names a test for each weakness. One
// that was renamed or removed must not go on being named as a proof.
func TestEveryPeerRowHasItsTest(t *testing.T) {
	text := testutil.Read(t, filepath.Join(testutil.Repo(t), "docs/peers.md"))
	rows, proofs, known := 0, 0, map[string]suite{}
	for line := range strings.Lines(text) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|---") || strings.TrimSpace(cells[len(cells)-1]) == "proof" {
			continue
		}
		rows++
		if len(cells) != 3 || slices.ContainsFunc(cells, func(c string) bool { return strings.TrimSpace(c) == "" }) {
			t.Errorf("want three full cells: %s", line)
			continue
		}
		named := provedBy.FindAllStringSubmatch(cells[2], -1)
		proofs += len(named)
		if len(named) == 0 && !slices.Contains([]string{"boot menu", "early boot", "later"}, strings.TrimSpace(cells[2])) {
			t.Errorf("neither a test nor where it belongs: %s", line)
		}
		if left := strings.Trim(provedBy.ReplaceAllString(cells[2], ""), ", "); len(named) > 0 && left != "" {
			t.Errorf("%q is no test: %s", left, line)
		}
		for _, m := range named {
			if _, read := known[m[1]]; !read {
				known[m[1]] = readSuite(t, m[1])
			}
			known[m[1]].check(t, m[1], m[2], m[3])
		}
	}
	for dir, suite := range known {
		for function := range suite.functions {
			if strings.HasPrefix(function, "TestPeer") && !strings.Contains(text, "`"+dir+"."+function) {
				t.Errorf("docs/peers.md does not say which weakness %s.%s is about", dir, function)
			}
		}
	}
	if rows < 60 || proofs < rows {
		t.Errorf("%d rows and %d tests were found: the search is broken", rows, proofs)
	}
}

// suite is what the tests of a package are made of: their functions, and every
// text in them and in the names of their scripts, one of which a case is called.
type suite struct{ functions, texts map[string]bool }

func (s suite) check(t *testing.T, dir, function, name string) {
	t.Helper()
	if !s.functions[function] {
		t.Errorf("package %s has no %s", dir, function)
	}
	if name != "" && !s.texts[name] {
		t.Errorf("%s.%s has no case %q", dir, function, name)
	}
}

func readSuite(t *testing.T, dir string) suite {
	t.Helper()
	s := suite{map[string]bool{}, map[string]bool{}}
	at := filepath.Join(testutil.Repo(t), dir)
	names, err := filepath.Glob(filepath.Join(at, "*_test.go"))
	if err != nil || len(names) == 0 {
		t.Errorf("package %s has no tests", dir)
	}
	for _, name := range names {
		s.read(t, name)
	}
	scripts, _ := filepath.Glob(filepath.Join(at, "testdata/script/*.txtar"))
	for _, script := range scripts {
		s.texts[strings.TrimSuffix(filepath.Base(script), ".txtar")] = true
	}
	return s
}

func (s suite) read(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), path, text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Recv == nil {
				s.functions[n.Name.Name] = true
			}
		case *ast.BasicLit:
			if value, err := strconv.Unquote(n.Value); n.Kind == token.STRING && err == nil {
				s.texts[value] = true
			}
		}
		return true
	})
}
