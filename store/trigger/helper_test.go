package trigger_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"moss/internal/testutil"
	"moss/internal/testutil/need"
	"moss/store/trigger"
)

func TestMain(m *testing.M) {
	if trigger.Sandboxed(os.Args) {
		trigger.RunSandboxed()
	}
	if len(os.Args) == 3 && os.Args[1] == "-hostile" {
		hostile(os.Args[2])
	}
	os.Exit(m.Run())
}

// box is a staged tree with a shell and what shells use, and a sandbox for it.
type box struct {
	t   testing.TB
	dir string
	trigger.Sandbox
}

func newBox(t testing.TB) *box {
	t.Helper()
	need.Root(t, "the sandbox")
	dir := t.TempDir()
	b := &box{t, dir, trigger.Sandbox{Usr: filepath.Join(dir, "usr"), Etc: filepath.Join(dir, "etc"),
		Links: map[string]string{"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64"}}}
	for _, name := range []string{"usr/bin", "usr/share", "etc"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	b.programs("sh", "cat", "chmod", "chown", "cp", "echo", "env", "id", "kill", "ln", "ls", "mkdir", "mkfifo", "mknod", "mount",
		"mv", "rm", "sleep", "touch", "head", "stat", "readlink", "unshare", "hostname", "nproc")
	return b
}

// programs copies programs of this machine with their libraries into the tree.
func (b *box) programs(names ...string) {
	b.t.Helper()
	testutil.Programs(b.t, names...).Files.Create(b.t, b.Usr)
}

func (b *box) bring(from, to string) {
	b.t.Helper()
	to = filepath.Join(b.dir, to)
	if _, err := os.Lstat(to); err == nil {
		return
	}
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(to), 0o755)
	}
	if err == nil {
		err = os.WriteFile(to, data, 0o755)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// write makes a file of the tree or of /etc.
func (b *box) write(name, body string) string {
	b.t.Helper()
	full := filepath.Join(b.dir, name)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(body), 0o644); err != nil {
		b.t.Fatal(err)
	}
	return full
}

func shell(scripts ...string) trigger.Job {
	j := trigger.Job{Trigger: &trigger.Trigger{Name: "test"}}
	for _, script := range scripts {
		j.Commands = append(j.Commands, trigger.Command{Run: []string{"/bin/sh", "-c", script}})
	}
	return j
}

func (b *box) runContext(ctx context.Context, job trigger.Job) ([]trigger.Change, string, error) {
	b.t.Helper()
	b.Work = filepath.Join(b.dir, "work")
	if err := os.Mkdir(b.Work, 0o700); err != nil {
		b.t.Fatal(err)
	}
	defer os.RemoveAll(b.Work)
	out := &trigger.Output{}
	written, err := b.Run(ctx, job, out)
	if err != nil {
		return nil, out.String(), err
	}
	defer written.Close()
	changes, err := written.Changes(job.Name)
	return changes, out.String(), err
}

func (b *box) run(job trigger.Job) ([]trigger.Change, string, error) {
	b.t.Helper()
	return b.runContext(b.t.Context(), job)
}

// must runs a script that is expected to work, and returns what it printed.
func (b *box) must(script string) ([]trigger.Change, string) {
	b.t.Helper()
	changes, out, err := b.run(shell(script))
	if err != nil {
		b.t.Fatalf("%v\n%s", err, out)
	}
	return changes, out
}

func paths(changes []trigger.Change) []string {
	var all []string
	for _, c := range changes {
		name := c.Path
		if c.Gone {
			name = "- " + name
		}
		if c.Alone {
			name += " (alone)"
		}
		all = append(all, name)
	}
	return all
}
