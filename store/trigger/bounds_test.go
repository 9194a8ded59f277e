package trigger_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"moss/store/trigger"
)

// TestDeleteDoesNotFollowRootLinks: /bin and its like lead into /usr.
func TestDeleteDoesNotFollowRootLinks(t *testing.T) {
	tr := entries(t, "share/x")
	for path, ok := range map[string]bool{"/bin/x": false, "/sbin/x": false, "/lib/systemd/x": false, "/lib64/ld.so": false, "/lib32/x": false, "/libx32/x": false,
		"/binary/x": true, "/var/lib/x": true, "/opt/bin/x": true, "/srv/usr/x": true} {
		one := parse(t, fmt.Sprintf("name: n\ndescription: d\nhandlers: {e: {delete: [%q]}}\npaths: {/usr/share/x: {handlers: [e]}}\n", path))
		_, err := trigger.Make(trigger.System, []*trigger.Trigger{one}, tr, world())
		if (err == nil) != ok || err != nil && !strings.Contains(err.Error(), "/usr belongs to the state") {
			t.Errorf("delete %s: got %v, want it allowed: %v", path, err, ok)
		}
	}
}

// TestErrorBringsItsOutput: all of a short one, both ends of a long one, and
// nothing that a terminal would obey.
func TestErrorBringsItsOutput(t *testing.T) {
	var numbered strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&numbered, "line %d\n", i+1)
	}
	for _, c := range []struct {
		output string
		count  int
		want   []string
	}{
		{"", 0, nil},
		{"one\n\n\x1b[2Jtwo", 2, []string{"one", "[2Jtwo"}},
		{strings.Join(strings.Split(numbered.String(), "\n")[:20], "\n"), 20, []string{"line 1", "line 20"}},
		{numbered.String(), 20, []string{"line 1", "line 4", "[981 lines left out]", "line 986", "line 1000"}},
	} {
		e := &trigger.Error{Trigger: "t", Why: "exit status 1", Output: c.output}
		got := e.Lines()
		if len(got) != c.count || slices.ContainsFunc(c.want, func(line string) bool { return !slices.Contains(got, line) }) {
			t.Errorf("got %d lines %q, want %d with %q", len(got), got, c.count, c.want)
		}
		if strings.Contains(e.Hint(), "above") {
			t.Errorf("got the hint %q: nothing need be above", e.Hint())
		}
	}
}
