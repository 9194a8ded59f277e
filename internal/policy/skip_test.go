package policy_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"moss/internal/testutil"
	"moss/internal/testutil/need"
)

// leftOut are the tests that are left out even on CI's machine, by file: what they
// say begins like this. What a machine can be given is for internal/testutil/need.
func leftOut() map[string][]string {
	const random = "a draw that this step cannot use, not a test"
	return map[string][]string{
		"store/activate/random_test.go":     {random},
		"internal/system/model_test.go":     {random},
		"bootloader/efivar/dir_test.go":     {"the file system of"},
		"initramfs/early/namespace_test.go": {"%s is in memory here"},
		"qemu-tests/flakey/tree_test.go":    {"this file system keeps no"},
		"store/xattr/xattr_test.go":         {"this file system takes no"},
		"store/stone/memory_test.go":        {"left out: the race detector's"},
		"store/stone/real_test.go":          {"left out: the real file"},
		"store/trigger/sandbox_test.go":     {"no overlay here"},
	}
}

// TestNothingIsLeftOutSilently: a test may be left out by -short, by what need
// says of the machine, and for the reasons above. Any other skip would go on
// unnoticed.
func TestNothingIsLeftOutSilently(t *testing.T) {
	allowed, seen := leftOut(), 0
	for _, path := range sources(t) {
		name, err := filepath.Rel(testutil.Repo(t), path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(name, "internal/testutil/") {
			continue
		}
		for _, reason := range skips(t, path) {
			seen++
			i := slices.IndexFunc(allowed[name], func(start string) bool { return strings.HasPrefix(reason, start) })
			if i < 0 {
				t.Errorf("%s leaves a test out: %q; use internal/testutil/need, or add it to the list here", name, reason)
				continue
			}
			allowed[name] = slices.Delete(allowed[name], i, i+1)
		}
	}
	for name, reasons := range allowed {
		for _, reason := range reasons {
			t.Errorf("%s does not say %q any more", name, reason)
		}
	}
	if seen < 5 {
		t.Errorf("only %d skips were found: the search is broken", seen)
	}
}

// skips are the reasons that a file has for leaving tests out, but for -short.
func skips(t *testing.T, path string) (reasons []string) {
	parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if branch, ok := n.(*ast.IfStmt); ok && onlyShort(branch.Cond) {
			return false
		}
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		function, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || !slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, function.Sel.Name) {
			return true
		}
		reasons = append(reasons, said(call.Args))
		return true
	})
	return reasons
}

// said is the text that a call begins with, or the name of the value.
func said(args []ast.Expr) string {
	if len(args) == 0 {
		return ""
	}
	switch first := args[0].(type) {
	case *ast.BasicLit:
		return strings.Trim(first.Value, "\"`")
	case *ast.SelectorExpr:
		return first.Sel.Name
	case *ast.Ident:
		return first.Name
	}
	return ""
}

// onlyShort tells whether a condition needs -short.
func onlyShort(cond ast.Expr) bool {
	both, ok := cond.(*ast.BinaryExpr)
	return calls(cond, "testing", "Short") || ok && both.Op == token.LAND && (onlyShort(both.X) || onlyShort(both.Y))
}

func calls(n ast.Expr, from, name string) bool {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return false
	}
	function, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || function.Sel.Name != name {
		return false
	}
	pack, ok := function.X.(*ast.Ident)
	return ok && pack.Name == from
}

// TestNeededProgramsAreInstalled: the packages that tests name are those that CI's
// machine gets. Those that every Debian has need no line there.
func TestNeededProgramsAreInstalled(t *testing.T) {
	tools := testutil.Read(t, filepath.Join(testutil.Repo(t), "qemu-tests/tools.sh"))
	want := regexp.MustCompile(`(?s)\nwant="(.*?)"`).FindStringSubmatch(tools)
	if want == nil {
		t.Fatal("qemu-tests/tools.sh has no list of packages")
	}
	installed := append(strings.Fields(want[1]), "util-linux")
	for _, program := range slices.Sorted(maps.Keys(need.Packages())) {
		if pack := need.Packages()[program]; !slices.Contains(installed, pack) {
			t.Errorf("%s: qemu-tests/tools.sh does not install %s", program, pack)
		}
	}
}
