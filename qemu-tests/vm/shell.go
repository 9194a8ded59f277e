package vm

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Login answers the login prompt and waits for the shell's. An empty password
// means that none is asked for.
func (c *Console) Login(user, password string, limit time.Duration) error {
	start := time.Now()
	left := func() time.Duration { return limit - time.Since(start) }
	if err := c.Expect("login: ", left()); err != nil {
		return err
	}
	if err := c.Line(user); err != nil {
		return err
	}
	if password != "" {
		if err := c.Expect("assword: ", left()); err != nil {
			return err
		}
		if err := c.Line(password); err != nil {
			return err
		}
	}
	// login throws away what was typed before the shell has the terminal.
	_, err := c.ExpectMatch(regexp.MustCompile(`[#$] `), left())
	return err
}

// Run has the shell at the console run a command and returns what it printed
// and its exit status. The command may be of several lines, may hold quotes and
// may be wrong; it must not read the console.
//
// The marks around the output are unlike in every run, and typed in two halves:
// their echo, which a shell may wrap and redraw as it likes, never contains one.
func (c *Console) Run(command string, limit time.Duration) (output string, status int, err error) {
	mark := fmt.Sprintf("mark-%x", time.Now().UnixNano())
	// The status is taken before the empty line which makes sure that the end
	// mark starts a line even when the output does not end with one.
	line := "echo; echo " + mark + "''-begin; eval " + quote(command) + "; status=$?; echo; echo " + mark + "''-end $status"
	if err := c.Line(line); err != nil {
		return "", 0, err
	}
	if err := c.Expect(mark+"-begin\n", limit); err != nil {
		return "", 0, fmt.Errorf("run %q: %w", command, err)
	}
	end := regexp.MustCompile(`(?s)^(.*?)\n?` + mark + `-end (\d+)\n`)
	groups, err := c.ExpectMatch(end, limit)
	if err != nil {
		return "", 0, fmt.Errorf("run %q: %w", command, err)
	}
	status, err = strconv.Atoi(groups[2])
	return groups[1], status, err
}

// quote makes one shell word of any text.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
