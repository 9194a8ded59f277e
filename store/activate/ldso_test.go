package activate_test

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"pgregory.net/rapid"

	"moss/internal/testutil"
	"moss/internal/testutil/need"
	"moss/store/activate"
)

// The oracle: this machine's own dynamic loader, inside a root of generated
// libraries, says whether all that a program needs is found. Check must agree.
func TestSearchAgreesWithDynamicLoader(t *testing.T) {
	need.Root(t, "another root folder")
	loader, err := os.ReadFile(linker)
	if err != nil {
		need.Machine(t, "the dynamic loader: %v", err)
	}
	refused := 0
	rapid.Check(testutil.Seeded(t), func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "root")
		if err != nil {
			rt.Fatal(err)
		}
		defer os.RemoveAll(dir)
		write(t, filepath.Join(dir, linker), loader, 0o755)
		shape := drawLibraries(rt)
		for name, data := range shape {
			write(t, filepath.Join(dir, name), data, 0o755)
		}
		out, broken := askLoader(dir)
		got := activate.Open(dir).Check(filepath.Join(dir, "usr"), activate.Checks{Init: "/usr/bin/init"})
		if (got != nil) != broken {
			rt.Errorf("got %v, the dynamic loader says:\n%s", got, out)
		}
		if broken {
			refused++
		}
	})
	t.Logf("the dynamic loader refused %d programs", refused)
	if refused == 0 {
		t.Error("no program was broken: the oracle was never asked a question")
	}
}

func askLoader(dir string) (out string, broken bool) {
	cmd := exec.Command(linker, "--inhibit-cache", "--list", "/usr/bin/init")
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: dir}
	cmd.Dir, cmd.Env = "/", []string{}
	text, err := cmd.CombinedOutput()
	return string(text), err != nil || strings.Contains(string(text), "not found")
}

var (
	someFolders = []string{"/usr/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/opt/a", "/opt/a/b", "/usr/lib/private"}
	somePaths   = []string{"", "/opt/a", "$ORIGIN", "$ORIGIN/../lib/private", "${ORIGIN}/b:/usr/lib/private", "/opt/a/b:/nowhere", "/opt/$LIB", "/usr/lib/private:"}
)

// drawLibraries makes a program and libraries with needs and run paths of every
// kind, each in some folders, whole, cut short or of another machine.
func drawLibraries(t *rapid.T) map[string][]byte {
	count := rapid.IntRange(1, 6).Draw(t, "libraries")
	files := map[string][]byte{"/usr/bin/init": drawSpec(t, 0, count).Bytes()}
	for i := 1; i <= count; i++ {
		data := drawSpec(t, i, count).Bytes()
		for _, dir := range rapid.SliceOfNDistinct(rapid.SampledFrom(someFolders), 0, 3, rapid.ID).Draw(t, "folders") {
			files[path.Join(dir, fmt.Sprintf("lib%d.so", i))] = drawHealth(t, data)
		}
	}
	return files
}

func drawSpec(t *rapid.T, i, count int) activate.ElfSpec {
	spec := activate.ElfSpec{Program: i == 0, Interp: linker}
	if i > 0 {
		spec.Interp, spec.Soname = "", fmt.Sprintf("lib%d.so", i)
	}
	for _, n := range rapid.SliceOfNDistinct(rapid.IntRange(1, count), 0, 3, rapid.ID).Draw(t, "needed") {
		name := fmt.Sprintf("lib%d.so", n)
		if rapid.IntRange(0, 9).Draw(t, "by path") == 0 {
			name = "/opt/a/" + name
		}
		spec.Needed = append(spec.Needed, name)
	}
	spec.Rpath = rapid.SampledFrom(somePaths).Draw(t, "rpath")
	if rapid.IntRange(0, 2).Draw(t, "with runpath") == 0 {
		spec.Runpath = rapid.SampledFrom(somePaths).Draw(t, "runpath")
	}
	return spec
}

func drawHealth(t *rapid.T, data []byte) []byte {
	switch rapid.IntRange(0, 15).Draw(t, "health") {
	case 0:
		return foreign(append([]byte(nil), data...))
	case 1:
		return data[:100] // a cut inside the last page would be mapped all the same
	case 2:
		return nil
	}
	return data
}

// Shapes that chance seldom draws. Both the table and the dynamic loader know
// the answer.
var shapes = []struct {
	name  string
	files map[string]activate.ElfSpec
	found bool
}{
	{"a RUNPATH turns the RPATH of those above off", map[string]activate.ElfSpec{
		"/usr/bin/init":  {Rpath: "/opt/a", Needed: []string{"lib1.so"}},
		"/opt/a/lib1.so": {Runpath: "/nowhere", Needed: []string{"lib2.so"}},
		"/opt/a/lib2.so": {},
	}, false},
	{"an RPATH is inherited", map[string]activate.ElfSpec{
		"/usr/bin/init":  {Rpath: "/opt/a", Needed: []string{"lib1.so"}},
		"/opt/a/lib1.so": {Needed: []string{"lib2.so"}},
		"/opt/a/lib2.so": {},
	}, true},
	{"a RUNPATH is not", map[string]activate.ElfSpec{
		"/usr/bin/init":  {Runpath: "/opt/a", Needed: []string{"lib1.so"}},
		"/opt/a/lib1.so": {Needed: []string{"lib2.so"}},
		"/opt/a/lib2.so": {},
	}, false},
	{"a RUNPATH turns the own RPATH off", map[string]activate.ElfSpec{
		"/usr/bin/init":  {Rpath: "/opt/a", Runpath: "/nowhere", Needed: []string{"lib1.so"}},
		"/opt/a/lib1.so": {},
	}, false},
	{"what is loaded already is not searched again", map[string]activate.ElfSpec{
		"/usr/bin/init":  {Runpath: "/opt/a", Needed: []string{"lib2.so", "lib1.so"}},
		"/opt/a/lib1.so": {Needed: []string{"lib2.so"}},
		"/opt/a/lib2.so": {},
	}, true},
	{"a library is known by its soname, too", map[string]activate.ElfSpec{
		"/usr/bin/init":   {Runpath: "/opt/a", Needed: []string{"other.so", "lib1.so"}},
		"/opt/a/other.so": {Soname: "lib2.so"},
		"/opt/a/lib1.so":  {Needed: []string{"lib2.so"}},
	}, true},
}

func TestSearchShapes(t *testing.T) {
	need.Root(t, "another root folder")
	loader, err := os.ReadFile(linker)
	if err != nil {
		need.Machine(t, "the dynamic loader: %v", err)
	}
	for _, tt := range shapes {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, linker), loader, 0o755)
			for name, spec := range tt.files {
				if name == "/usr/bin/init" {
					spec.Program, spec.Interp = true, linker
				}
				write(t, filepath.Join(dir, name), spec.Bytes(), 0o755)
			}
			if out, broken := askLoader(dir); broken == tt.found {
				t.Errorf("the dynamic loader says:\n%s", out)
			}
			err := activate.Open(dir).Check(filepath.Join(dir, "usr"), activate.Checks{Init: "/usr/bin/init"})
			if (err == nil) != tt.found {
				t.Errorf("got %v, want found: %v", err, tt.found)
			}
		})
	}
}
