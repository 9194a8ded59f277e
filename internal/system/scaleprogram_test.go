package system_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"moss/internal/testutil"
)

// BenchmarkProgram runs the program itself, as a user at a prompt would, on roots
// of the sizes of a large distribution, and programs that do the like beside it.
// It reports the elapsed and the processor time of a run and the largest memory
// that the process had. TMPDIR chooses the file system.
func BenchmarkProgram(b *testing.B) {
	p := prompt{b.TempDir()}
	p.build(b, "moss", "./cmd/moss")
	p.build(b, "peak", "./internal/system/testdata/peak")
	b.Run("packages100k", func(b *testing.B) {
		root := newRoot(b)
		manyPackages(b, root)
		p.moss(b, root, "list installed", "list available", "search package-0999", "info package-099999", "list upgrades", "state list")
	})
	b.Run("states1000", func(b *testing.B) {
		root := newRoot(b)
		manyStates(b, root, scaleStates)
		p.moss(b, root, "state list", "state show 500", "state diff 1 1000", "state prune --keep 100 --dry-run", "status",
			"install --dry-run "+write(b, numbered(1001))[0], "state activate 3", "state activate 1000")
	})
	b.Run("files250k", func(b *testing.B) {
		root := newRoot(b)
		install(b, options(root), base(), bulky250k("1", 0))
		install(b, options(root), bulky250k("2", 100))
		tree := filepath.Join(root, ".moss/root/1/usr")
		p.moss(b, root, "state list", "state diff 1 2", "state verify 1", "state verify", "files bulk", "owner "+filepath.Join(root, "usr/share/part-0/d00000/file-0"),
			"install --dry-run "+write(b, testutil.Stone{Name: "one", Files: testutil.Tree{"bin/one": "1"}})[0], "state activate 1", "state activate 2")
		p.measure(b, "peer/find-xargs-sha256sum", "sh", "-c", "find "+tree+" -type f -print0 | xargs -0 sha256sum")
		p.measure(b, "peer/find-xargs-stat", "sh", "-c", "find "+tree+" -print0 | xargs -0 stat --format=%a:%u:%g")
		p.measure(b, "peer/diff-r", "diff", "-rq", tree, filepath.Join(root, "usr"))
	})
}

// prompt is where the programs are.
type prompt struct{ bin string }

func (p prompt) build(b *testing.B, name, source string) {
	cmd := exec.CommandContext(b.Context(), "go", "build", "-trimpath", "-o", filepath.Join(p.bin, name), source)
	cmd.Dir, cmd.Env = testutil.Repo(b), append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
}

// moss measures verbs on a root.
func (p prompt) moss(b *testing.B, root string, verbs ...string) {
	for _, verb := range verbs {
		words := strings.Fields(verb)
		name := "moss"
		for _, word := range words {
			if !strings.Contains(word, "/") {
				name += "-" + strings.TrimLeft(word, "-")
			}
		}
		p.measure(b, name, filepath.Join(p.bin, "moss"), append([]string{"-D", root, "-y"}, words...)...)
	}
}

func (p prompt) measure(b *testing.B, name string, command string, args ...string) {
	b.Run(name, func(b *testing.B) {
		var sum, cpu, memory, largest int64
		said := filepath.Join(b.TempDir(), "peak")
		for b.Loop() {
			out, err := exec.CommandContext(b.Context(), filepath.Join(p.bin, "peak"), append([]string{said, command}, args...)...).CombinedOutput()
			// diff says by 1 that there are differences, which is what it is asked for.
			if err != nil && command != "diff" {
				b.Fatalf("%s %v: %v\n%s", command, args, err, out)
			}
			if _, err := fmt.Sscan(testutil.Read(b, said), &cpu, &memory); err != nil {
				b.Fatal(err)
			}
			sum, largest = sum+cpu, max(largest, memory)
		}
		b.ReportMetric(float64(sum)/float64(b.N), "cpu-ms/op")
		b.ReportMetric(float64(largest)/1024, "MiB-peak")
	})
}
