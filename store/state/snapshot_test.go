package state_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"moss/internal/testutil/need"
	"moss/store/state"
)

// TestMain lets this program run again as an ordinary user who reads.
func TestMain(m *testing.M) {
	if path := os.Getenv("STATE_TEST_VIEW"); path != "" {
		for range len(os.Getenv("STATE_TEST_TIMES")) {
			fmt.Println(look(path))
		}
		return
	}
	os.Exit(m.Run())
}

// look counts states, and proves that they are those of one moment.
func look(path string) string {
	db, err := state.View(path)
	if err != nil {
		var hint interface{ Hint() string }
		return fmt.Sprintf("error: %v; permission %v, hint %v", err, errors.Is(err, fs.ErrPermission), errors.As(err, &hint))
	}
	defer db.Close()
	all, err := db.States()
	if err != nil {
		return "error: " + err.Error()
	}
	for i, one := range all {
		if one.ID != state.ID(i+1) || one.Summary != fmt.Sprint("state ", i+1) || len(one.Selections) != 1 {
			return fmt.Sprintf("torn: %+v", one)
		}
	}
	return fmt.Sprintf("%d states", len(all))
}

// asUser views the database n times as user 65534 and gives the answers.
func asUser(t *testing.T, path string, n int) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = []string{"STATE_TEST_VIEW=" + path, "STATE_TEST_TIMES=" + strings.Repeat("x", n)}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	return strings.Split(strings.TrimSpace(out.String()), "\n")
}

func wants(t *testing.T, when, path, want string) {
	t.Helper()
	if got := asUser(t, path, 1)[0]; got != want {
		t.Errorf("%s: got %q, want %q", when, got, want)
	}
}

// readable is a folder that every user may look into, with a database path.
func readable(t *testing.T) string {
	t.Helper()
	need.Root(t, "becoming another user")
	dir := t.TempDir()
	for _, d := range []string{filepath.Dir(dir), dir} {
		must(t, os.Chmod(d, 0o755))
	}
	return filepath.Join(dir, "moss.sqlite")
}

func addOne(t *testing.T, db *state.DB) {
	t.Helper()
	all, err := db.States()
	must(t, err)
	add(t, db, state.State{Created: time.Unix(1, 0), Summary: fmt.Sprint("state ", len(all)+1), Selections: []state.Selection{{Package: "id-a"}}})
}

func TestOrdinaryUserReads(t *testing.T) {
	path := readable(t)
	db, err := state.Open(path)
	must(t, err)
	must(t, db.AddPackages([]state.Package{sample("a")}))
	addOne(t, db)
	wants(t, "while a writer has it open", path, "1 states")

	crashed := filepath.Join(filepath.Dir(path), "crashed.sqlite")
	for _, end := range []string{"", "-wal", "-shm"} {
		data, err := os.ReadFile(path + end)
		must(t, err)
		must(t, os.WriteFile(crashed+end, data, 0o644))
	}
	wants(t, "after a writer was killed", crashed, "1 states")

	must(t, db.Close())
	if _, err := os.Stat(path + "-wal"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("got %v, want no log left behind by a writer that ended well", err)
	}
	wants(t, "when nobody writes", path, "1 states")
	must(t, os.WriteFile(path+"-wal", nil, 0o644))
	wants(t, "with an empty log", path, "1 states")

	must(t, os.Chtimes(path, time.Now().Add(time.Hour), time.Now().Add(time.Hour)))
	wants(t, "with a clock that jumped back", path, "1 states")
}

func TestOrdinaryUserIsToldWhyNot(t *testing.T) {
	path := readable(t)
	db := open(t, path)
	must(t, db.AddPackages([]state.Package{sample("a")}))
	for _, end := range []string{"", "-wal"} {
		data, err := os.ReadFile(path + end)
		must(t, err)
		must(t, os.WriteFile(path+".copy"+end, data, 0o644))
	}
	// The log is there, its index is not.
	if got := asUser(t, path+".copy", 1)[0]; !strings.Contains(got, "an interrupted command left it half-way") || !strings.Contains(got, "hint true") {
		t.Errorf("got %q, want words about the log and what to do", got)
	}
	must(t, os.Chmod(path, 0o600))
	if got := asUser(t, path, 1)[0]; !strings.Contains(got, "permission true") {
		t.Errorf("got %q, want a refusal for lack of permission", got)
	}
}

// TestOrdinaryUserReadsWhileWritersComeAndGo: each answer is that of one
// moment, whichever way it was read.
func TestOrdinaryUserReadsWhileWritersComeAndGo(t *testing.T) {
	path := readable(t)
	first, err := state.Open(path)
	must(t, err)
	must(t, first.AddPackages([]state.Package{sample("a")}))
	must(t, first.Close())
	done := make(chan []string)
	go func() { done <- asUser(t, path, 60) }()
	for written := 0; ; written++ {
		select {
		case answers := <-done:
			for _, a := range answers {
				if !strings.HasSuffix(a, " states") {
					t.Errorf("got %q", a)
				}
			}
			if written == 0 {
				t.Error("nothing was written meanwhile")
			}
			return
		default:
			db, err := state.Open(path)
			must(t, err)
			addOne(t, db)
			must(t, db.Close())
		}
	}
}
