package vm

import (
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The first bytes are what systemd-boot 252 sends under OVMF for a menu of
// three, the others what it answers to cursor down and to Return.
const (
	menuDrawn = "BdsDxe: starting Boot0001\r\n \x1b[2J\x1b[01;01H\x1b[24;23H\x1b[0m\x1b[30m\x1b[47m      Debian state 3      " +
		"\x1b[25;23H\x1b[0m\x1b[37m\x1b[40m      Debian state 2      \x1b[26;23H  Reboot Into Firmware    " +
		"\x1b[29;01H         Boot in 20 s.      \x1b[28;20H\xc4\xc4\xc4\xc4\xc4\xc4"
	menuDown = "\x1b[24;23H      Debian state 3      \x1b[25;23H\x1b[0m\x1b[30m\x1b[47m      Debian state 2      " +
		"\x1b[28;01H\x1b[0m\x1b[37m\x1b[40m               \x1b[29;01H                      "
	menuGone = "\x1b[2J\x1b[01;01H\r\nstarted"
)

// loader plays systemd-boot: it answers a key only after it was sent.
func loader(t *testing.T, answers ...string) *Console {
	t.Helper()
	keysRead, keysWritten, err := os.Pipe()
	must(t, err)
	screenRead, screenWritten, err := os.Pipe()
	must(t, err)
	t.Cleanup(func() { _, _, _ = keysWritten.Close(), screenRead.Close(), keysRead.Close() })
	go func() {
		defer screenWritten.Close()
		_, _ = io.WriteString(screenWritten, menuDrawn)
		keys := make([]byte, 8)
		for _, answer := range answers {
			if n, err := keysRead.Read(keys); err != nil || n == 0 {
				return
			}
			_, _ = io.WriteString(screenWritten, answer)
		}
		_, _ = keysRead.Read(keys)
	}()
	c, err := NewConsole("loader", keysWritten, screenRead, io.Discard)
	must(t, err)
	return c
}

func TestMenuIsRead(t *testing.T) {
	menu, err := loader(t).Menu(limit)
	must(t, err)
	want := Menu{Titles: []string{"Debian state 3", "Debian state 2", "Reboot Into Firmware"}, Selected: 0}
	if diff := cmp.Diff(want, menu); diff != "" {
		t.Error(diff)
	}
	if got := menu.Find("state 2"); got != 1 {
		t.Errorf("got %d, want 1", got)
	}
	if got := menu.Find("state 9"); got != -1 {
		t.Errorf("got %d, want -1", got)
	}
}

func TestChooseMovesAndStarts(t *testing.T) {
	c := loader(t, menuDown, menuGone)
	must(t, c.Choose(1, limit))
	must(t, c.Expect("started", limit))
}

func TestChooseWaitsForTheScreen(t *testing.T) {
	// The loader does not react to the first key: Return must not be sent.
	c := loader(t, "", menuGone)
	_, err := c.Menu(limit)
	must(t, err)
	err = c.Choose(1, 50*time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), `\x1b[B`) {
		t.Errorf("got %v, want a timeout of the cursor key", err)
	}
	if err := loader(t).Choose(3, limit); err == nil || !strings.Contains(err.Error(), "the menu has 3") {
		t.Errorf("got %v, want an error that shows the menu", err)
	}
}

func TestNoMenu(t *testing.T) {
	for _, text := range []string{"", "Boot in 5 s.", "\x1b[1;1Hplain\x1b[2;1HBoot in 5 s."} {
		c := &Console{watch: newWatch()}
		c.term.out = c
		c.term.feed([]byte(text))
		if menu, err := c.Menu(time.Millisecond); err == nil {
			t.Errorf("%q: got %v, want an error", text, menu)
		}
	}
}
