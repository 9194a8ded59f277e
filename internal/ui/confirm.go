package ui

import (
	"bufio"
	"context"
	"fmt"
	"strings"
)

// Confirm asks a question that is answered with yes or no; anything but yes is
// no. Only a person is asked: with --yes, with --json, and where standard input
// or standard error is no terminal (a unit, a script, a pipe) the answer is yes,
// because nobody is there to give one and the command itself was the decision.
// When the command is interrupted meanwhile, that is the error.
func Confirm(s Settings, question string) (bool, error) {
	if s.Yes || s.JSON || !IsTerminal(s.In) || !IsTerminal(s.Err) {
		return true, nil
	}
	return s.ask(question)
}

func (s Settings) ask(question string) (bool, error) {
	fmt.Fprintf(s.Err, "%s [y/N] ", question)
	type reply struct {
		line string
		err  error
	}
	got := make(chan reply, 1)
	// A read from a terminal cannot be called off, and a signal must end the
	// wait: the goroutine stays behind until the program ends.
	go func() {
		line, err := bufio.NewReader(s.In).ReadString('\n')
		got <- reply{line, err}
	}()
	ctx := s.ctx
	if ctx == nil {
		ctx = context.Background()
	}
	select {
	case r := <-got:
		switch strings.ToLower(strings.TrimSpace(r.line)) {
		case "y", "yes":
			return true, nil
		}
		if r.err != nil {
			fmt.Fprintln(s.Err) // end of input leaves the cursor behind the question
		}
		return false, nil
	case <-ctx.Done():
		fmt.Fprintln(s.Err)
		return false, context.Cause(ctx)
	}
}
