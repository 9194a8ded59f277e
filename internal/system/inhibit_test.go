package system

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"moss/internal/testutil/need"
)

// startBus runs a real message bus and makes it the system bus of this process.
func startBus(t *testing.T) (address string) {
	t.Helper()
	need.Program(t, "dbus-daemon")
	dir := t.TempDir()
	config := filepath.Join(dir, "bus.conf")
	text := `<busconfig><type>session</type><listen>unix:path=` + dir + `/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "dbus-daemon", "--config-file="+config, "--nofork", "--nopidfile", "--print-address")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	address, _, _ = strings.Cut(strings.TrimSpace(line), ",")
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
	return address
}

// login answers Inhibit as org.freedesktop.login1 does: with one end of a pipe
// that stays open for as long as the inhibitor is held.
type login struct {
	asked chan []string
	held  *os.File
}

func (l *login) Inhibit(what, who, why, mode string) (dbus.UnixFD, *dbus.Error) {
	r, w, err := os.Pipe()
	if err != nil {
		return 0, dbus.MakeFailedError(err)
	}
	l.held = r
	l.asked <- []string{what, who, why, mode}
	return dbus.UnixFD(w.Fd()), nil
}

func TestTheInhibitorIsTakenAndLetGo(t *testing.T) {
	address := startBus(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	server, err := dbus.Connect(address, dbus.WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	l := &login{asked: make(chan []string, 1)}
	if err := server.Export(l, "/org/freedesktop/login1", "org.freedesktop.login1.Manager"); err != nil {
		t.Fatal(err)
	}
	if _, err := server.RequestName("org.freedesktop.login1", dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
	release := inhibit(t.Context(), Options{Root: "/", Command: "moss install", Log: func(line string) { t.Error(line) }}, newState)
	got := <-l.asked
	if got[0] != "shutdown:sleep" || got[1] != "moss install" || got[3] != "block" {
		t.Errorf("asked for %q", got)
	}
	release()
}

// TestNoLogindIsNoObstacle: a machine without it is changed all the same.
func TestNoLogindIsNoObstacle(t *testing.T) {
	startBus(t)
	said := ""
	inhibit(t.Context(), Options{Root: "/", Log: func(line string) { said = line }}, newState)()
	if !strings.Contains(said, "no shutdown inhibitor") {
		t.Errorf("said %q", said)
	}
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path="+filepath.Join(t.TempDir(), "absent"))
	if lock, err := takeInhibitor(context.Background(), "x", newState); err == nil {
		t.Errorf("got %v from no bus at all", lock)
	}
}

// TestAnImageIsNobodysBusiness: a root that is not the running system's asks nobody.
func TestAnImageIsNobodysBusiness(t *testing.T) {
	inhibit(t.Context(), Options{Root: t.TempDir(), Log: func(line string) { t.Error(line) }}, newState)()
}
