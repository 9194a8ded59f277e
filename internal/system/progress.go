package system

import "moss/store/fetch"

// Progress is told how far a change is. Its methods are called from several
// goroutines at once.
type Progress interface {
	Step(name string, number, of int)
	Fetch(fetch.Event)
	Begin(name string, total int64, unit string) Task
}

// Task is one piece of work of known size.
type Task interface {
	Add(n int64)
	Done(err error)
}

type silent struct{}

func (silent) Add(int64)  {}
func (silent) Done(error) {}

func (o Options) step(name string, number, of int) {
	if o.Progress != nil {
		o.Progress.Step(name, number, of)
	}
}

func (o Options) begin(name string, total int64, unit string) Task {
	if o.Progress == nil {
		return silent{}
	}
	return o.Progress.Begin(name, total, unit)
}

func (o Options) fetching() fetch.Options {
	f := fetch.Options{}
	if o.Progress != nil {
		f.Report = o.Progress.Fetch
	}
	return f
}
