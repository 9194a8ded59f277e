package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"moss/initramfs/early"
	"moss/internal/testutil"
	"moss/internal/testutil/need"
)

const runMain = "MOSS_INIT_TEST_MAIN"

// TestMain lets a test run the program itself, as the child of the test.
func TestMain(m *testing.M) {
	if os.Getenv(runMain) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// inside runs moss-init in a mount namespace where the kernel command line, the
// log and the console are files and /run is empty. It returns boot.json.
func inside(t *testing.T, line string, argv ...string) (report, screen string, err error) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	testutil.Tree{"cmdline": line, "kmsg": "", "console": "", "report": ""}.Create(t, dir)
	script := `cd "$1" && mount --bind cmdline /proc/cmdline && mount --bind kmsg /dev/kmsg && mount --bind console /dev/console &&
		mount -t tmpfs none /run || exit 77
		shift; "$@" 2>>console; code=$?; cat /run/moss/boot.json >report; exit $code`
	cmd := exec.CommandContext(t.Context(), "unshare", append([]string{"-m", "--propagation", "private", "sh", "-c", script, "sh", dir, self}, argv...)...)
	cmd.Env = append(os.Environ(), runMain+"=1")
	_, err = cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); errors.Is(err, exec.ErrNotFound) || ok && exit.ExitCode() == 77 {
		need.Machine(t, "a mount namespace: %v", err)
	}
	text := func(name string) string {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	return text("report"), text("console") + text("kmsg"), err
}

// sysroot is a root with a live state 1 and a state 3 that boot, and a state 2
// that does not. Their init is this very program.
func sysroot(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "program")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for id, usr := range map[string]string{"1": "usr", "2": ".moss/root/2/usr", "3": ".moss/root/3/usr"} {
		testutil.Tree{usr + "/.stateID": id, usr + "/sbin/": ""}.Create(t, dir)
		if id != "2" {
			if err := os.Link(program, filepath.Join(dir, usr, "sbin/init")); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

func TestActivateInsideAnotherInitramfs(t *testing.T) {
	root := sysroot(t)
	for _, tt := range []struct {
		line, wanted, activated string
		fallback                bool
		screen                  string
	}{
		{"root=x moss.fstx=3\n", "3", "3", false, "state 3 activated, "},
		{"root=x moss.fstx=3\n", "3", "3", false, "state 3 activated, "},
		{"root=x moss.fstx=2\n", "2", "1", true, "state 1 activated (wanted 2: /sbin/init is missing, and there is no other init), "},
	} {
		text, screen, err := inside(t, tt.line, "activate", "--sysroot", root)
		if err != nil {
			t.Fatalf("%v\n%s", err, screen)
		}
		var report struct {
			Wanted, Activated json.Number
			Fallback          bool
		}
		if err := json.Unmarshal([]byte(text), &report); err != nil {
			t.Fatalf("%v in %q", err, text)
		}
		if report.Wanted.String() != tt.wanted || report.Activated.String() != tt.activated || report.Fallback != tt.fallback {
			t.Errorf("%q: got %s", tt.line, text)
		}
		if !strings.Contains(screen, "moss-init: "+tt.screen) {
			t.Errorf("%q: got %q, want %q", tt.line, screen, tt.screen)
		}
		if live, err := os.ReadFile(filepath.Join(root, "usr/.stateID")); string(live) != tt.activated || err != nil {
			t.Errorf("%q: got live state %s, %v", tt.line, live, err)
		}
	}
}

func TestActivateTellsWhatIsWrong(t *testing.T) {
	root := sysroot(t)
	report, screen, err := inside(t, "moss.fstx=2 moss.fallback=off", "activate", "--sysroot", root)
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !strings.Contains(report, `"reason":"state 2 was asked for`) && !strings.Contains(report, `"reason":"/sbin/init`) || !strings.Contains(report, `"activated":null`) {
		t.Errorf("got the report %s", report)
	}
	if !ok || exit.ExitCode() != 1 || !strings.Contains(screen, "activate: state 2 was asked for, and moss.fallback=off allows no other") {
		t.Errorf("got %v\n%s", err, screen)
	}
	_, screen, err = inside(t, "moss.fstx=1", "activate", "--sysroot", filepath.Join(root, "nowhere"))
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 || !strings.Contains(screen, "mounted: statfs") {
		t.Errorf("got %v\n%s", err, screen)
	}
}

func TestUsage(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, argv := range [][]string{nil, {"activate"}, {"activate", "--root", "/x"}, {"--help"}} {
		cmd := exec.Command(self, argv...)
		cmd.Env = append(os.Environ(), runMain+"=1")
		out, err := cmd.CombinedOutput()
		if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 2 || !strings.Contains(string(out), "moss-init activate --sysroot DIR") {
			t.Errorf("%v: got %v, %s", argv, err, out)
		}
	}
}

// A panic in a step is an error with its place, not the end of PID 1.
func TestGuardTurnsPanicIntoError(t *testing.T) {
	boot := &early.Boot{Top: t.TempDir()}
	err := guard(boot, []early.Step{{Name: "bad", Run: func(*early.Boot) error { panic("bad step") }}})
	if err == nil || !strings.Contains(err.Error(), "panic: bad step") || !strings.Contains(err.Error(), "main_test.go") {
		t.Errorf("got %v", err)
	}
}
