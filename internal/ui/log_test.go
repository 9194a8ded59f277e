package ui_test

import (
	"bytes"
	"testing"

	"moss/internal/ui"
)

func TestLoggerTellsWhatShouldBeSeen(t *testing.T) {
	for _, c := range []struct {
		s    ui.Settings
		want string
	}{
		{ui.Settings{}, "prog: warning: w?\nprog: recovered: r\nprog: waiting: x\n"},
		{ui.Settings{Quiet: true}, ""},
		{ui.Settings{Verbose: true}, "prog: step a: 1 ms\nprog: warning: w?\nprog: recovered: r\nprog: waiting: x\n"},
	} {
		var out bytes.Buffer
		c.s.Err = &out
		log := ui.Logger(c.s, "prog")
		for _, line := range []string{"step a: 1 ms", "warning: w\x1b", "recovered: r", "waiting: x"} {
			log(line)
		}
		if out.String() != c.want {
			t.Errorf("%+v: got %q, want %q", c.s, out.String(), c.want)
		}
	}
}
