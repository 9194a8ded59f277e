package main

import (
	"strings"
	"testing"
	"time"
)

// TestTheConsoleOfABootHearsOfAMerge: at once, then every ten seconds, and what is
// left after half a minute.
func TestTheConsoleOfABootHearsOfAMerge(t *testing.T) {
	var out strings.Builder
	now := time.Unix(1000, 0)
	c := &console{w: &out, now: func() time.Time { return now }}
	said := func() string {
		text := strings.TrimPrefix(out.String(), "moss: usr-merge: ")
		out.Reset()
		return text
	}
	c.Begin("merge /usr", 0, "files").Add(3)
	if got := said(); got != "the top folders move into /usr; it is safe to switch off at any moment\n" {
		t.Errorf("at first: %q", got)
	}
	task := c.Begin("merge /usr", 200, "files")
	for _, step := range []struct {
		after time.Duration
		done  int64
		want  string
	}{
		{0, 10, ""}, {9 * time.Second, 10, ""}, {time.Second, 10, "15 %\n"}, {time.Second, 10, ""}, {10 * time.Second, 10, "25 %\n"},
		{19 * time.Second, 30, "40 %, about 1m0s left\n"}, {time.Minute, 120, "100 %, about 0s left\n"}, {time.Minute, 120, "100 %, about 0s left\n"},
	} {
		now = now.Add(step.after)
		task.Add(step.done)
		if got := said(); got != step.want {
			t.Errorf("%s later: %q, want %q", step.after, got, step.want)
		}
	}
	task.Done(nil)
	unknown := c.Begin("merge /usr", 0, "files")
	now = now.Add(time.Hour)
	unknown.Add(1)
	if got := said(); got != "" {
		t.Errorf("of unknown size: %q", got)
	}
}
