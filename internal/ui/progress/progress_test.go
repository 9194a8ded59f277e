package progress_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"moss/internal/ui/progress"
)

// inTime runs f where time.Sleep takes no time, and returns what was written.
func inTime(t *testing.T, mode string, quiet bool, f func(b *progress.Bars)) string {
	var out bytes.Buffer
	synctest.Test(t, func(*testing.T) {
		b := progress.New(&out, mode, quiet)
		f(b)
		b.Wait()
	})
	return out.String()
}

func expect(t *testing.T, got string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(strings.Join(want, "\n")+"\n", got); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
}

func TestEvents(t *testing.T) {
	got := inTime(t, "json", true, func(b *progress.Bars) {
		task := b.Begin("nano", 4000, progress.Bytes)
		task.Restart(1000)
		time.Sleep(time.Second)
		task.Set(2000)
		task.Retry(errors.New("<stalled>"))
		time.Sleep(time.Second)
		task.Add(2000)
		task.Done(nil)
		task.Done(errors.New("twice"))
		task.Add(5)
		fmt.Fprintln(b, "a line of a log")
		b.Begin("stage", 0, progress.Files).Done(errors.New("no space"))
	})
	expect(t, got,
		`{"event":"begin","name":"nano","done":0,"total":4000,"unit":"bytes","rate":0,"remaining_s":null}`,
		`{"event":"progress","name":"nano","done":2000,"total":4000,"unit":"bytes","rate":1000,"remaining_s":2}`,
		`{"event":"retry","name":"nano","done":2000,"total":4000,"unit":"bytes","rate":1000,"remaining_s":2,"error":"<stalled>"}`,
		`{"event":"progress","name":"nano","done":4000,"total":4000,"unit":"bytes","rate":1221,"remaining_s":0}`,
		`{"event":"done","name":"nano","done":4000,"total":4000,"unit":"bytes","rate":1221,"remaining_s":0}`,
		`a line of a log`,
		`{"event":"begin","name":"stage","done":0,"total":0,"unit":"files","rate":0,"remaining_s":null}`,
		`{"event":"failed","name":"stage","done":0,"total":0,"unit":"files","rate":0,"remaining_s":null,"error":"no space"}`)
}

func TestEventsOfABatch(t *testing.T) {
	got := inTime(t, "json", false, func(b *progress.Bars) {
		b.Expect(2, 300)
		nano := b.Begin("nano", 100, progress.Bytes)
		stage := b.Begin("stage", 7, progress.Files)
		stage.Add(7) // counts for no total of bytes
		time.Sleep(time.Second)
		nano.Set(100)
		nano.Done(nil)
		stage.Done(nil)
		vim := b.Begin("vim", 200, progress.Bytes)
		time.Sleep(time.Second)
		vim.Set(200)
	})
	total := `{"event":"%s","name":"total","done":%d,"total":300,"unit":"bytes","rate":%d,"remaining_s":%s%s}`
	var totals []string
	for line := range strings.Lines(got) {
		if strings.Contains(line, `"total","done"`) {
			totals = append(totals, strings.TrimSpace(line))
		}
		if !json.Valid([]byte(line)) {
			t.Errorf("%q is no JSON", line)
		}
	}
	expect(t, strings.Join(totals, "\n")+"\n",
		fmt.Sprintf(total, "begin", 0, 0, "null", ""),
		fmt.Sprintf(total, "progress", 100, 100, "2", ""),
		fmt.Sprintf(total, "progress", 300, 122, "0", ""),
		fmt.Sprintf(total, "failed", 300, 122, "0", `,"error":"1 of 2 did not end well"`))
	if !strings.Contains(got, `{"event":"failed","name":"vim","done":200,"total":200,"unit":"bytes","rate":200,"remaining_s":0,"error":"stopped"}`) {
		t.Errorf("vim, which never ended, is not said to be stopped:\n%s", got)
	}
}

func TestAtMostFourEventsASecondAndTask(t *testing.T) {
	got := inTime(t, "json", false, func(b *progress.Bars) {
		task := b.Begin("nano", 1000, progress.Bytes)
		for range 1000 {
			time.Sleep(10 * time.Millisecond)
			task.Add(1)
		}
		task.Done(nil)
	})
	if n := strings.Count(got, `"progress"`); n != 40 {
		t.Errorf("got %d events in 10 s, want 40", n)
	}
}

func TestSpeedFollowsThePresent(t *testing.T) {
	got := inTime(t, "json", false, func(b *progress.Bars) {
		task := b.Begin("nano", 1<<20, progress.Bytes)
		for range 30 {
			time.Sleep(time.Second)
			task.Add(1000)
		}
		for range 30 {
			time.Sleep(time.Second)
			task.Add(10)
		}
	})
	all := strings.Split(got, "\n")
	for n, want := range map[int][2]int64{30: {999, 1001}, 60: {10, 12}} {
		var e struct{ Rate int64 }
		if err := json.Unmarshal([]byte(all[n]), &e); err != nil || e.Rate < want[0] || e.Rate > want[1] {
			t.Errorf("after %d s: got %d a second, %v, want %v", n, e.Rate, err, want)
		}
	}
}

func TestLostWorkIsNoNegativeSpeed(t *testing.T) {
	got := inTime(t, "json", false, func(b *progress.Bars) {
		b.Expect(1, 1000)
		task := b.Begin("nano", 1000, progress.Bytes)
		time.Sleep(time.Second)
		task.Set(100)
		time.Sleep(time.Second)
		task.Set(0)
	})
	for _, name := range []string{"nano", "total"} {
		if want := `"name":"` + name + `","done":0,"total":1000,"unit":"bytes","rate":78,`; !strings.Contains(got, want) {
			t.Errorf("want %s in\n%s", want, got)
		}
	}
}

func TestLines(t *testing.T) {
	got := inTime(t, "plain", false, func(b *progress.Bars) {
		b.Expect(2, 30<<20)
		small := b.Begin("nano", 1<<20, progress.Bytes)
		small.Set(1 << 20)
		small.Done(nil)
		large := b.Begin("linux\x1b[2J", 29<<20, progress.Bytes)
		time.Sleep(2 * time.Second)
		large.Set(10 << 20)
		large.Retry(errors.New("no byte for 30s"))
		large.Set(29 << 20)
		large.Done(nil)
		stage := b.Begin("stage", 12000, progress.Files)
		stage.Add(12000)
		stage.Done(nil)
		b.Begin("trigger", 1, progress.Files).Done(errors.New("exit status 1"))
	})
	expect(t, got,
		"total: begun, 30.0 MiB",
		"nano: 1.0 MiB in 0s",
		"linux?[2J: begun, 29.0 MiB",
		"linux?[2J: trying again: no byte for 30s",
		"linux?[2J: 29.0 MiB in 2s, 14.5 MiB/s",
		"stage: begun, 12000 files",
		"stage: 12000 files in 0s",
		"trigger: failed: exit status 1",
		"total 2/2: 30.0 MiB in 2s, 15.0 MiB/s")
}

func TestSteps(t *testing.T) {
	work := func(b *progress.Bars) {
		b.Step("resolve", 1, 2)
		defer b.Pause()()
		time.Sleep(time.Second)
		b.Step("stage", 2, 2)
	}
	expect(t, inTime(t, "json", false, work),
		`{"event":"begin","name":"resolve","done":1,"total":2,"unit":"steps","rate":0,"remaining_s":null}`,
		`{"event":"done","name":"resolve","done":1,"total":2,"unit":"steps","rate":0,"remaining_s":null}`,
		`{"event":"begin","name":"stage","done":2,"total":2,"unit":"steps","rate":0,"remaining_s":0}`)
	if got := inTime(t, "plain", false, work); got != "" {
		t.Errorf("got %q, want nothing: the log has its own line for a step", got)
	}
}

func TestNothingIsShownUnasked(t *testing.T) {
	for _, c := range []struct {
		mode  string
		quiet bool
	}{{"auto", false}, {"none", false}, {"plain", true}, {"auto", true}} {
		got := inTime(t, c.mode, c.quiet, func(b *progress.Bars) {
			b.Expect(1, 1)
			task := b.Begin("nano", 1, progress.Bytes)
			task.Add(1)
			task.Done(nil)
			fmt.Fprintln(b, "a line")
		})
		expect(t, got, "a line")
	}
}

func TestNilShowsNothing(t *testing.T) {
	var b *progress.Bars
	b.Expect(1, 1)
	b.Step("stage", 1, 2)
	b.Pause()()
	task := b.Begin("nano", 1, progress.Bytes)
	task.Add(1)
	task.Set(2)
	task.Restart(0)
	task.SetTotal(3)
	task.Retry(io.EOF)
	task.Done(nil)
	if n, err := b.Write([]byte("x")); n != 1 || err != nil {
		t.Errorf("got %d, %v, want it swallowed", n, err)
	}
	b.Wait()
}

func TestAfterWaitNothingHappens(t *testing.T) {
	var out bytes.Buffer
	b := progress.New(&out, "json", false)
	b.Wait()
	b.Wait()
	b.Expect(1, 1)
	b.Step("stage", 1, 2)
	b.Begin("nano", 1, progress.Bytes).Done(nil)
	if out.Len() != 0 {
		t.Errorf("got %q, want nothing", out.String())
	}
}

func TestManyGoroutines(t *testing.T) {
	for _, mode := range []string{"json", "plain"} {
		var out bytes.Buffer
		b := progress.New(&out, mode, false)
		b.Expect(8, 8000)
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				task := b.Begin(fmt.Sprint(i), 1000, progress.Bytes)
				for range 1000 {
					task.Add(1)
				}
				task.Done(nil)
			})
		}
		all.Wait()
		b.Wait()
		if got := out.String(); !strings.Contains(got, `"name":"total","done":8000`) && !strings.Contains(got, "total 8/8: 7.8 KiB in ") {
			t.Errorf("%s: the total is missing:\n%s", mode, got)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, mode := range progress.Modes() {
		if err := progress.Check(mode); err != nil {
			t.Error(err)
		}
	}
	if err := progress.Check("jsno"); err == nil || err.Error() != `progress "jsno": want one of auto, plain, json, none` {
		t.Errorf("got %v, want what it may be", err)
	}
}
