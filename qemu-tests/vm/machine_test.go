package vm

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"moss/internal/testutil/need"
)

// limit is far above what a step takes on a busy host; only a failure lasts so
// long.
const limit = time.Minute

func needQEMU(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("boots a machine: left out by -short")
	}
	if _, err := exec.LookPath(program); err != nil {
		need.Machine(t, "%v", ErrNoQEMU)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// guestDisk is a disk with the boot sector of testdata/guest.S.
func guestDisk(t *testing.T) string {
	t.Helper()
	sector, err := os.ReadFile("testdata/guest.bin")
	must(t, err)
	path := filepath.Join(t.TempDir(), "guest, with a comma.img")
	must(t, os.WriteFile(path, append(sector, make([]byte, 1<<20-512)...), 0o600))
	return path
}

func start(t *testing.T, config Config) *Machine {
	t.Helper()
	needQEMU(t)
	config.Name, config.LogDir, config.Accel, config.Memory = "guest", t.TempDir(), emulation, 32
	m, err := Start(t.Context(), config)
	must(t, err)
	t.Cleanup(func() { must(t, m.Close()) })
	return m
}

func TestRebootIsToldFromPowerOff(t *testing.T) {
	m := start(t, Config{Disks: []Disk{{Path: guestDisk(t)}}})
	must(t, m.Expect("boot 1", limit))
	must(t, m.Expect("ready> ", limit))
	must(t, m.Send("r"))
	must(t, m.WaitReboot(limit))
	must(t, m.Expect("boot 2", limit))
	if strings.Contains(m.Text(), "boot 3") {
		t.Error("one reboot booted twice")
	}
	must(t, m.Expect("ready> ", limit))
	must(t, m.Send("p"))
	must(t, m.WaitPowerOff(limit))

	var wait *WaitError
	if err := m.Expect("more", limit); !errors.As(err, &wait) || wait.Timeout() || !strings.Contains(err.Error(), "powered off") {
		t.Errorf("expect after the end: got %v, want an error that says powered off", err)
	}
}

func TestTheOtherEventIsAnError(t *testing.T) {
	m := start(t, Config{Disks: []Disk{{Path: guestDisk(t)}}})
	must(t, m.Expect("ready> ", limit))
	must(t, m.Send("r"))
	if err := m.WaitPowerOff(limit); err == nil || !strings.Contains(err.Error(), "rebooted") {
		t.Errorf("got %v, want an error that says rebooted", err)
	}
	must(t, m.WaitReboot(limit))
	must(t, m.Expect("ready> ", limit))
	must(t, m.Send("p"))
	if err := m.WaitReboot(limit); err == nil || !strings.Contains(err.Error(), "powered off") {
		t.Errorf("got %v, want an error that says powered off", err)
	}
}

func TestTextBeforeARebootIsConsumedByIt(t *testing.T) {
	m := start(t, Config{Disks: []Disk{{Path: guestDisk(t)}}})
	must(t, m.Expect("ready> ", limit))
	must(t, m.Send("xr"))
	must(t, m.WaitReboot(limit))
	got, err := m.ExpectMatch(regexp.MustCompile(`(resets|boot \d)`), limit)
	if err != nil || got[1] != "boot 2" {
		t.Errorf("got %q, %v, want the next boot's text", got, err)
	}
}

func TestPanicEndsWaits(t *testing.T) {
	m := start(t, Config{Disks: []Disk{{Path: guestDisk(t)}}})
	must(t, m.Expect("ready> ", limit))
	must(t, m.Send("k"))
	err := m.Expect("boot 2", limit)
	var panicked *PanicError
	if !errors.As(err, &panicked) || panicked.Reason != "out of luck" {
		t.Errorf("got %v, want a panic with its reason", err)
	}
}

func TestPanicThatIsExpected(t *testing.T) {
	m := start(t, Config{Disks: []Disk{{Path: guestDisk(t)}}, Panics: true})
	must(t, m.Expect("ready> ", limit))
	must(t, m.Send("k"))
	must(t, m.Expect("Kernel panic - not syncing: ", limit))
	must(t, m.Expect("boot 2", limit))
}

func TestResetButton(t *testing.T) {
	m := start(t, Config{Disks: []Disk{{Path: guestDisk(t)}}})
	must(t, m.Expect("boot 1", limit))
	must(t, m.Reset())
	must(t, m.Expect("boot 2", limit))
	if len(m.events) != 0 {
		t.Errorf("got events %v, want none: the guest did nothing", m.events)
	}
}

func TestPowerCutKeepsWhatTheDiskHas(t *testing.T) {
	disk := guestDisk(t)
	for boot := '1'; boot < '4'; boot++ {
		m := start(t, Config{Disks: []Disk{{Path: disk}}})
		must(t, m.Expect("boot "+string(boot), limit))
		must(t, m.Kill())
		if err := m.Expect("boot", limit); err == nil || errors.Is(err, errLimit) {
			t.Errorf("after the cut: got %v, want an error at once", err)
		}
	}
}

func TestSnapshotForgets(t *testing.T) {
	disk := guestDisk(t)
	for range 2 {
		m := start(t, Config{Disks: []Disk{{Path: disk}}, Snapshot: true})
		must(t, m.Expect("boot 1", limit))
		must(t, m.Close())
	}
}

func TestTimeoutShowsTheConsole(t *testing.T) {
	m := start(t, Config{Disks: []Disk{{Path: guestDisk(t)}}})
	must(t, m.Expect("ready> ", limit))
	must(t, m.Send("hello"))
	must(t, m.Expect("hello", limit))
	err := m.Expect("never printed", time.Millisecond)
	var wait *WaitError
	if !errors.As(err, &wait) || !wait.Timeout() {
		t.Fatalf("got %v, want a timeout", err)
	}
	for _, want := range []string{"guest", `"never printed"`, "ready> hello"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}

func TestContextKillsTheMachine(t *testing.T) {
	needQEMU(t)
	ctx, cancel := context.WithCancel(t.Context())
	m, err := Start(ctx, Config{Name: "guest", LogDir: t.TempDir(), Accel: emulation, Memory: 32, Disks: []Disk{{Path: guestDisk(t)}}})
	must(t, err)
	must(t, m.Expect("ready> ", limit))
	cancel()
	if err := m.Expect("more", limit); err == nil || errors.Is(err, errLimit) {
		t.Errorf("got %v, want an error at once", err)
	}
	must(t, m.Close())
}

func TestCloseLeavesNothingButTheLog(t *testing.T) {
	m := start(t, Config{Disks: []Disk{{Path: guestDisk(t)}}})
	must(t, m.Expect("ready> ", limit))
	must(t, m.Close())
	must(t, m.Close())
	if err := unix.Kill(m.process.cmd.Process.Pid, 0); !errors.Is(err, unix.ESRCH) {
		t.Errorf("process: got %v, want it gone", err)
	}
	log, err := os.ReadFile(m.config.logPath())
	if err != nil || !strings.Contains(string(log), "\r\nboot 1\r\nready> ") {
		t.Errorf("log: got %q, %v, want every byte that the guest sent", log, err)
	}
}

func TestRefusedMachines(t *testing.T) {
	needQEMU(t)
	disk := guestDisk(t)
	for want, config := range map[string]Config{
		"a name and a log folder": {Disks: []Disk{{Path: disk}}},
		"no kernel and no disk":   {Name: "x", LogDir: t.TempDir()},
		"no such file":            {Name: "x", LogDir: t.TempDir(), Disks: []Disk{{Path: "/absent"}}},
		"invalid accelerator":     {Name: "x", LogDir: t.TempDir(), Disks: []Disk{{Path: disk}}, Accel: "steam"},
		"ended: exit status 1":    {Name: "x", LogDir: t.TempDir(), Kernel: disk, Accel: emulation, Memory: 32, Initrd: disk},
	} {
		m, err := Start(t.Context(), config)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
		if m != nil {
			must(t, m.Close())
		}
	}
	left, err := filepath.Glob(filepath.Join(os.TempDir(), "vm-x-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("got %v, %v, want nothing of a refused machine", left, err)
	}
}

func TestMenuOnScreen(t *testing.T) {
	m := start(t, Config{Disks: []Disk{{Path: guestDisk(t)}}})
	must(t, m.Expect("ready> ", limit))
	must(t, m.Send("m"))
	must(t, m.Expect("Boot in 3 s.", limit))
	want := []string{"", "  one", "  two", "", "Boot in 3 s."}
	if got := m.Screen(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
