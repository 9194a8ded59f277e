package main

import (
	"sync"

	"github.com/spf13/cobra"

	"moss/internal/system"
	"moss/internal/ui"
	"moss/internal/ui/progress"
	"moss/store/fetch"
)

// reporter draws what a command of internal/system tells of its progress. It
// is a Writer too: lines that are written while bars are up must go by it, or
// the next drawing takes them off the terminal.
type reporter struct {
	*progress.Bars
	fetched func(fetch.Event)
}

// Begin shows a piece of work; the interface wants its own Task.
func (r *reporter) Begin(name string, total int64, unit string) system.Task {
	return r.Bars.Begin(name, total, unit)
}

// Fetch shows a download.
func (r *reporter) Fetch(e fetch.Event) { r.fetched(e) }

// progressBars shows progress on stderr as --progress says; the function it
// returns ends that, and must be called before the command prints its result.
// Who asked for the steps to be said (-v) gets lines where there are no bars.
func progressBars(cmd *cobra.Command) (*reporter, func()) {
	s := ui.Read(cmd)
	mode := s.Progress
	if mode == "" || mode == "auto" {
		mode = "auto"
		if s.Verbose {
			mode = "plain"
		}
	}
	bars := progress.New(s.Err, mode, s.Quiet)
	return &reporter{bars, fetchEvents(bars)}, bars.Wait
}

// fetchEvents draws what a download reports. One function serves any number of
// downloads, one after the other or at the same time.
func fetchEvents(bars *progress.Bars) func(fetch.Event) {
	var mu sync.Mutex
	tasks := map[string]*progress.Task{}
	task := func(name string) *progress.Task {
		mu.Lock()
		defer mu.Unlock()
		return tasks[name]
	}
	return func(e fetch.Event) {
		switch e.Kind {
		case fetch.Batch:
			bars.Expect(e.Files, e.Total)
		case fetch.Begin:
			begun := bars.Begin(e.Name, e.Total, progress.Bytes)
			begun.Restart(e.Bytes)
			mu.Lock()
			tasks[e.Name] = begun
			mu.Unlock()
		case fetch.Progress:
			task(e.Name).Set(e.Bytes)
		case fetch.Retry:
			task(e.Name).Retry(e.Err)
		case fetch.Done:
			task(e.Name).Set(e.Bytes)
			task(e.Name).Done(nil)
		case fetch.Failed:
			task(e.Name).Done(e.Err)
		}
	}
}
