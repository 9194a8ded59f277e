package policy_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"moss/internal/policy"
	"moss/internal/testutil"
)

func goList(t *testing.T, args ...string) []string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	cmd.Dir = testutil.Repo(t)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, complaints.String())
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

func TestImportArrows(t *testing.T) {
	arrows := policy.Arrows()
	for _, line := range goList(t, "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, "./...") {
		words := strings.Fields(line)
		name := strings.TrimPrefix(words[0], "moss/")
		allowed, known := arrows[name]
		if !known {
			if len(words) > 1 {
				t.Errorf("package %s has no row in the table of arrows", name)
			}
			continue
		}
		for _, imported := range words[1:] {
			if !permitted(imported, allowed) {
				t.Errorf("%s must not import %s", name, imported)
			}
		}
	}
}

func permitted(imported string, allowed []string) bool {
	own, ours := strings.CutPrefix(imported, "moss/")
	if ours {
		return slices.Contains(allowed, own)
	}
	if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") || strings.HasPrefix(imported, "golang.org/x/sys/") {
		return true
	}
	return slices.ContainsFunc(allowed, func(module string) bool {
		return imported == module || strings.HasPrefix(imported, module+"/")
	})
}

func TestEveryRowOfTheTableIsAPackage(t *testing.T) {
	for name := range policy.Arrows() {
		if found, _ := filepath.Glob(filepath.Join(testutil.Repo(t), name, "*.go")); len(found) == 0 {
			t.Errorf("the table has a row for %s, which is no package", name)
		}
	}
}

func TestPID1LinksNothingForbidden(t *testing.T) {
	for _, dep := range goList(t, "-deps", "./cmd/moss-init") {
		for prefix, why := range policy.Forbidden() {
			if strings.HasPrefix(dep, prefix) {
				t.Errorf("moss-init links %s: %s", dep, why)
			}
		}
	}
}

// TestForbiddenIsSeen makes sure that the test above could fail: the other
// programs do link what PID 1 must not.
func TestForbiddenIsSeen(t *testing.T) {
	deps := goList(t, "-deps", "./cmd/moss")
	for _, want := range []string{"database/sql", "github.com/spf13/cobra", "github.com/klauspost/compress/zstd"} {
		if !slices.Contains(deps, want) {
			t.Errorf("go list does not show %s among the dependencies of cmd/moss", want)
		}
	}
}

func TestSizes(t *testing.T) {
	files := token.NewFileSet()
	for _, path := range sources(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := parser.ParseFile(files, path, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		lines, limit := bytes.Count(text, []byte("\n")), policy.MaxFile
		if filepath.Base(path) == "main.go" {
			limit = policy.MaxMain
		}
		if lines > limit {
			t.Errorf("%s has %d lines, want at most %d", path, lines, limit)
		}
		checkDeclarations(t, files, path, parsed)
	}
}

func checkDeclarations(t *testing.T, files *token.FileSet, path string, parsed *ast.File) {
	for _, decl := range parsed.Decls {
		function, ok := decl.(*ast.FuncDecl)
		if !ok {
			checkGlobals(t, path, decl.(*ast.GenDecl))
			continue
		}
		if n := files.Position(function.End()).Line - files.Position(function.Pos()).Line + 1; n > policy.MaxFunction {
			t.Errorf("%s: %s has %d lines, want at most %d", path, function.Name, n, policy.MaxFunction)
		}
		if function.Name.Name == "init" && function.Recv == nil {
			t.Errorf("%s: an init function registers behind the reader's back", path)
		}
	}
}

// checkGlobals finds package-level variables that are not errors or compiled
// patterns: state that one test or one root could leave to the next.
func checkGlobals(t *testing.T, path string, decl *ast.GenDecl) {
	if decl.Tok != token.VAR || strings.HasSuffix(path, "_test.go") {
		return
	}
	for _, spec := range decl.Specs {
		value := spec.(*ast.ValueSpec)
		for i, name := range value.Names {
			if name.Name == "_" || i < len(value.Values) && constant(value.Values[i]) {
				continue
			}
			t.Errorf("%s: variable %s is package-level state", path, name.Name)
		}
	}
}

func constant(value ast.Expr) bool {
	call, ok := value.(*ast.CallExpr)
	if !ok {
		return false
	}
	function, ok := call.Fun.(*ast.SelectorExpr)
	return ok && slices.Contains([]string{"New", "MustCompile", "Errorf"}, function.Sel.Name)
}

func sources(t *testing.T) []string {
	var all []string
	for _, line := range goList(t, "-f", `{{$d := .Dir}}{{range .GoFiles}}{{$d}}/{{.}}
{{end}}{{range .IgnoredGoFiles}}{{$d}}/{{.}}
{{end}}{{range .TestGoFiles}}{{$d}}/{{.}}
{{end}}{{range .XTestGoFiles}}{{$d}}/{{.}}
{{end}}`, "./...") {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	return all
}

// TestFaultPointsAreDocumented: a step that can be cut and is not in the table
// has nobody who thought about what is left then.
func TestFaultPointsAreDocumented(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join(testutil.Repo(t), "docs/crash-safety.md"))
	if err != nil {
		t.Fatal(err)
	}
	literal, found := regexp.MustCompile(`fault\.Point\("([a-z-]+/[a-z-]+)"\)`), 0
	for _, path := range sources(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range literal.FindAllSubmatch(text, -1) {
			found++
			if !bytes.Contains(doc, append([]byte("`"), match[1]...)) {
				t.Errorf("%s: point %s is not in docs/crash-safety.md", path, match[1])
			}
		}
	}
	if found < 10 {
		t.Errorf("only %d fault points were found: the search is broken", found)
	}
}
