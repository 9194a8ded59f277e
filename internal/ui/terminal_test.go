package ui_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"moss/internal/testutil"
	"moss/internal/ui"
)

// settings runs a verb with these flags and gives what it read.
func settings(t *testing.T, out *os.File, args ...string) (ui.Settings, error) {
	t.Helper()
	var got ui.Settings
	root := ui.Root(&cobra.Command{Use: "prog"})
	root.AddCommand(&cobra.Command{Use: "verb", Run: func(cmd *cobra.Command, _ []string) { got = ui.Read(cmd) }})
	if out != nil {
		root.SetIn(out)
		root.SetOut(out)
		root.SetErr(out)
	} else {
		root.SetOut(&bytes.Buffer{})
		root.SetErr(&bytes.Buffer{})
	}
	root.SetArgs(append([]string{"verb"}, args...))
	err := root.ExecuteContext(t.Context())
	return got, err
}

func TestColor(t *testing.T) {
	_, tty := testutil.Terminal(t, 77)
	for _, c := range []struct {
		args          string
		noColor, term string
		tty           bool
		want          bool
	}{
		{"", "", "xterm", true, true},
		{"", "", "xterm", false, false},
		{"", "1", "xterm", true, false},
		{"", "", "dumb", true, false},
		{"--color=never", "", "xterm", true, false},
		{"--color=always", "1", "dumb", false, true},
		{"--color=always --json", "", "xterm", true, false},
	} {
		t.Setenv("NO_COLOR", c.noColor)
		t.Setenv("TERM", c.term)
		out := tty
		if !c.tty {
			out = nil
		}
		s, err := settings(t, out, strings.Fields(c.args)...)
		if err != nil {
			t.Fatal(err)
		}
		if painted := s.Out.(ui.Screen).Color; painted != c.want {
			t.Errorf("%+v: got color %v", c, painted)
		}
		if painted := s.Warning("careful") != "careful"; painted != c.want {
			t.Errorf("%+v: got warning painted %v", c, painted)
		}
	}
}

func TestWidthIsTheTerminals(t *testing.T) {
	_, tty := testutil.Terminal(t, 77)
	s, err := settings(t, tty)
	if err != nil || s.Out.(ui.Screen).Width != 77 {
		t.Errorf("got %+v, %v, want width 77", s.Out, err)
	}
	if s, err = settings(t, nil); err != nil || s.Out.(ui.Screen).Width != 0 {
		t.Errorf("got %+v, %v, want width 0 without a terminal", s.Out, err)
	}
}

func TestFlagsThatTakeOneOfAFewWords(t *testing.T) {
	for _, args := range []string{"--color=blue", "--progress=loud", "--color="} {
		_, err := settings(t, nil, args)
		var usage *ui.UsageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), "want ") || ui.Hint(err) == "" {
			t.Errorf("%s: got %v, want a usage error that lists the words", args, err)
		}
	}
	s, err := settings(t, nil, "-y", "--progress", "json")
	if err != nil || !s.Yes || s.Progress != "json" || s.Color != "auto" {
		t.Errorf("got %+v, %v", s, err)
	}
}

func TestConfirm(t *testing.T) {
	for answer, want := range map[string]bool{"y\n": true, "Yes\n": true, "n\n": false, "\n": false, "yup\n": false, "\x04": false} {
		person, tty := testutil.Terminal(t, 80)
		s, err := settings(t, tty)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := person.WriteString(answer); err != nil {
			t.Fatal(err)
		}
		if got, err := ui.Confirm(s, "Go on?"); got != want || err != nil {
			t.Errorf("%q: got %v, %v, want %v", answer, got, err, want)
		}
		asked := readUntil(person, "[y/N]")
		if !strings.Contains(asked, "Go on? [y/N]") {
			t.Errorf("%q: got the question %q", answer, asked)
		}
	}
}

func TestConfirmAsksNobody(t *testing.T) {
	_, tty := testutil.Terminal(t, 80)
	for name, s := range map[string]ui.Settings{
		"--yes":      {Yes: true, In: tty, Err: tty},
		"--json":     {JSON: true, In: tty, Err: tty},
		"no input":   {In: strings.NewReader("n\n"), Err: tty},
		"no display": {In: tty, Err: &bytes.Buffer{}},
	} {
		if got, err := ui.Confirm(s, "Go on?"); !got || err != nil {
			t.Errorf("%s: got %v, %v, want yes", name, got, err)
		}
	}
}

func TestConfirmInterrupted(t *testing.T) {
	_, tty := testutil.Terminal(t, 80)
	ctx, cancel := context.WithCancel(t.Context())
	root := ui.Root(&cobra.Command{Use: "prog"})
	root.AddCommand(&cobra.Command{Use: "verb", RunE: func(cmd *cobra.Command, _ []string) error {
		cancel()
		yes, err := ui.Confirm(ui.Read(cmd), "Go on?")
		if yes {
			t.Error("got yes")
		}
		return err
	}})
	root.SetIn(tty)
	root.SetErr(tty)
	root.SetArgs([]string{"verb"})
	if err := root.ExecuteContext(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

// readUntil reads from a terminal until it has said want, or is gone.
func readUntil(from io.Reader, want string) string {
	var said []byte
	for part := make([]byte, 200); !strings.Contains(string(said), want); {
		n, err := from.Read(part)
		said = append(said, part[:n]...)
		if err != nil {
			break
		}
	}
	return string(said)
}
