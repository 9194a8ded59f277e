package system_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"moss/internal/system"
	"moss/internal/testutil"
	"moss/internal/ui"
	"moss/usrmerge"
)

// unmergedRoot is ready, and it is everybody's turn.
func unmergedRoot(t *testing.T, more testutil.Tree) string {
	t.Helper()
	root := newRoot(t)
	testutil.Tree{"bin/tool": "tool", usrmerge.VendorConfig: "rollout=256\n", usrmerge.Folder + "/ready": ""}.Create(t, root)
	more.Create(t, root)
	for _, name := range []string{"lib"} {
		if _, err := os.Lstat(filepath.Join(root, name)); err != nil {
			testutil.Tree{name: "-> usr/" + name}.Create(t, root)
		}
	}
	return root
}

func TestUsrMergeRuns(t *testing.T) {
	root := unmergedRoot(t, nil)
	var said []string
	opt := options(root)
	opt.Log = func(line string) { said = append(said, line) }
	out, err := system.RunUsrMerge(t.Context(), opt)
	if err != nil || !out.Marked || out.Report.Outcome != usrmerge.OutcomeMerged {
		t.Fatalf("got %v, %+v", err, out.Report)
	}
	if !strings.Contains(strings.Join(said, "\n"), "step exchange") {
		t.Errorf("it said %q, nothing of a phase", said)
	}
	m, err := system.ReadUsrMerge(options(root))
	if err != nil || !m.Merged || !m.Complete || m.Report == nil || m.Report.Outcome != usrmerge.OutcomeMerged || !strings.HasPrefix(m.Report.Program, "moss ") {
		t.Errorf("got %v, %+v", err, m)
	}
}

func TestUsrMergeRefusalsAreExitCode3(t *testing.T) {
	for name, more := range map[string]testutil.Tree{
		"configuration": {usrmerge.AdminConfig: "rollout=all\n"},
		"plan":          {"bin/both/": "", "usr/bin/both": ""},
		"machine id":    {usrmerge.AdminConfig: "rollout=3\n", "etc/machine-id": "x\n"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := system.RunUsrMerge(t.Context(), options(unmergedRoot(t, more)))
			if system.ExitCode(err) != 3 || ui.Hint(err) == "" || strings.Contains(err.Error(), "\n") {
				t.Errorf("got code %d, %v, hint %q", system.ExitCode(err), err, ui.Hint(err))
			}
		})
	}
}

func TestUsrMergeThatIsStopped(t *testing.T) {
	root := unmergedRoot(t, nil)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := system.RunUsrMerge(ctx, options(root)); system.ExitCode(err) != 1 || !errors.Is(err, context.Canceled) {
		t.Errorf("got code %d, %v", system.ExitCode(err), err)
	}
	if info, err := os.Lstat(filepath.Join(root, "bin")); err != nil || !info.IsDir() {
		t.Errorf("/bin is %v, %v", info, err)
	}
}

// TestUsrMergeIsForRoot: whoever may not own files would change owners.
func TestUsrMergeIsForRoot(t *testing.T) {
	if os.Getenv("MOSS_TEST_MERGE") != "" {
		_, err := system.RunUsrMerge(t.Context(), system.Options{Root: "/", Command: "moss usr-merge run", Log: func(string) {}})
		if system.ExitCode(err) != 3 || !strings.Contains(err.Error(), "only root can") || !strings.Contains(ui.Hint(err), "sudo moss usr-merge run") {
			t.Fatalf("got %v", err)
		}
		return
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^"+t.Name()+"$")
	cmd.Env, cmd.Dir = []string{"MOSS_TEST_MERGE=1"}, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestTheKernelCommandLineIsOfTheRunningSystem, and of no other root.
func TestTheKernelCommandLineIsOfTheRunningSystem(t *testing.T) {
	if !testutil.Privately(t) {
		return
	}
	line := filepath.Join(t.TempDir(), "cmdline")
	testutil.Tree{"cmdline": "quiet moss.usrmerge=on moss.usrmerge=off\n"}.Create(t, filepath.Dir(line))
	if err := unix.Mount(line, "/proc/cmdline", "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	other := unmergedRoot(t, testutil.Tree{"proc/cmdline": "moss.usrmerge=off\n"})
	for root, want := range map[string]string{"/": usrmerge.OutcomeOff, other: usrmerge.OutcomeOpen} {
		m, err := system.ReadUsrMerge(options(root))
		if err != nil || m.Outcome != want {
			t.Errorf("%s: got %s, %v, want %s", root, m.Outcome, err, want)
		}
	}
}

// TestIndexesAreMadeByTheRootsOwnDepmod, in the root as it will be.
func TestIndexesAreMadeByTheRootsOwnDepmod(t *testing.T) {
	for name, c := range map[string]struct{ script, note string }{
		"made":  {"echo $0 $* >>/ran", ""},
		"fails": {"echo no such format >&2; exit 3", "no such format"},
	} {
		t.Run(name, func(t *testing.T) {
			root := unmergedRoot(t, testutil.Tree{"sbin/": "", "lib/modules/6.1/modules.dep": "old", "usr/lib/modules/6.1/modules.dep": "new"})
			programs := testutil.Programs(t, "sh").Files
			programs["sbin/depmod"] = "0755:#!/bin/sh\n" + c.script + "\n"
			programs.Create(t, filepath.Join(root, "usr"))
			if _, err := os.Stat(filepath.Join(root, "usr/lib64")); err == nil {
				testutil.Tree{"lib64": "-> usr/lib64"}.Create(t, root)
			}
			out, err := system.RunUsrMerge(t.Context(), options(root))
			if err != nil || out.Report.Outcome != usrmerge.OutcomeMerged {
				t.Fatalf("got %v, %+v", err, out.Report)
			}
			ran, _ := os.ReadFile(filepath.Join(root, "ran"))
			if notes := strings.Join(out.Report.Notes, "\n"); (c.note == "") != (notes == "") || !strings.Contains(notes, c.note) {
				t.Errorf("notes %q, want %q", notes, c.note)
			}
			if c.note == "" && string(ran) != "/usr/sbin/depmod 6.1\n" {
				t.Errorf("it ran %q", ran)
			}
		})
	}
}
