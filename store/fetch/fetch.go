// Package fetch brings files and small documents from http, https and file
// addresses to the local disk, and lets nobody see a file that is not proved:
// bytes go to PATH.part, and only what has the size and the SHA-256 it was
// promised with, and is on stable storage, gets the name PATH.
//
// What is interrupted is continued: a part that was kept says, in an extended
// attribute, which file it is of, and the rest of it is asked for by Range and
// If-Range (RFC 9110, sections 13.1.5 and 14.2), so a server whose file changed
// meanwhile sends the new one whole.
package fetch

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// File is one thing to fetch.
type File struct {
	URL  string // http, https, file, or a plain path
	Path string // where it goes; the part is Path + ".part"
	Name string // what people call it; "" is the last element of Path
	Size int64  // bytes exactly; 0 when not known
	Max  int64  // bytes at most; 0 is Size. One of the two must be given
	// SHA256 in hexadecimal, "" when not known. Without it a part is continued
	// by the run that began it, and by no later one: nothing would prove that
	// the two halves fit.
	SHA256 string
}

// Kinds of events. A file has one begin, then any number of progress and
// retry, then a done or a failed. A batch of several files is announced first.
const (
	Batch    = "batch"    // Files and Total of the whole call
	Begin    = "begin"    // Bytes are already here, from an earlier run
	Progress = "progress" // Bytes are here; smaller than before when a server made us start again
	Retry    = "retry"    // Err is why; Bytes are kept
	Done     = "done"
	Failed   = "failed" // Err is why
)

// Event is something that happened to the file Name. Total is 0 when unknown.
type Event struct {
	Kind         string
	Name         string
	Bytes, Total int64
	Files        int // of a batch
	Err          error
}

// Options of a call; the zero value is what most callers want.
type Options struct {
	Workers int           // files at a time; 0 is 4
	Retries int           // attempts in a row that gain nothing, after the first; 0 is 4, below 0 none
	Idle    time.Duration // how long no byte may come before the connection is given up; 0 is 30 s
	// Report is called from several goroutines, and holds up the download for
	// as long as it runs.
	Report func(Event)
	// Client, when not nil, brings its transport, proxies and certificates; the
	// rules for redirects are ours all the same.
	Client *http.Client
	// Wait is what happens between attempts; nil waits for that long, or until
	// ctx ends.
	Wait func(ctx context.Context, d time.Duration) error
}

func (o Options) report(e Event) {
	if o.Report != nil {
		o.Report(e)
	}
}

// Files brings all files, several at a time, and returns when each is at its
// Path, proved and on stable storage. A file that is there already, with the
// right hash, is not fetched again. The first failure ends the batch; files
// that are complete stay, and the parts of the others are kept so that a later
// call goes on with them. A part with the wrong content is removed.
func Files(ctx context.Context, files []File, opt Options) error {
	for i := range files {
		if err := files[i].check(); err != nil {
			return err
		}
	}
	if err := distinct(files); err != nil {
		return err
	}
	f := newFetcher(opt)
	defer f.close()
	announce(files, opt)
	return f.each(ctx, files)
}

func announce(files []File, opt Options) {
	if len(files) < 2 {
		return
	}
	batch := Event{Kind: Batch, Files: len(files)}
	for _, file := range files {
		batch.Total += file.Size
	}
	opt.report(batch)
}

// each runs the workers. Not internal/parallel: these wait for servers, so the
// number of processors says nothing about how many there should be.
func (f *fetcher) each(parent context.Context, files []File) error {
	ctx, stop := context.WithCancelCause(parent)
	defer stop(nil)
	next := make(chan File, len(files))
	for _, file := range files {
		next <- file
	}
	close(next)
	var all sync.WaitGroup
	var arrived atomic.Int64
	for range min(f.workers, len(files)) {
		all.Go(func() {
			for file := range next {
				if ctx.Err() != nil {
					return
				}
				if err := f.file(ctx, file); err != nil {
					stop(err)
					return
				}
				arrived.Add(1)
			}
		})
	}
	all.Wait()
	if int(arrived.Load()) == len(files) {
		return nil // even if ctx ended just after the last one
	}
	if parent.Err() != nil {
		return &StoppedError{context.Cause(parent)}
	}
	return context.Cause(ctx)
}

func (f *fetcher) file(ctx context.Context, file File) error {
	err := f.bring(ctx, file)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("fetch %s: %w", file.Name, err)
	said := err
	if ctx.Err() != nil {
		said = &StoppedError{context.Canceled} // not the fault of this file
	}
	f.opt.report(Event{Kind: Failed, Name: file.Name, Total: file.Size, Err: said})
	return err
}

func (f *fetcher) bring(ctx context.Context, file File) error {
	if size, ok := present(ctx, file); ok {
		f.opt.report(Event{Kind: Begin, Name: file.Name, Bytes: size, Total: size})
		f.opt.report(Event{Kind: Done, Name: file.Name, Bytes: size, Total: size})
		return nil
	}
	address, err := parse(file.URL)
	if err != nil {
		return err
	}
	p, err := openPart(ctx, file)
	if err != nil {
		return err
	}
	defer p.close()
	f.opt.report(Event{Kind: Begin, Name: file.Name, Bytes: p.size, Total: file.Size})
	if address.Scheme == "file" {
		err = f.copyLocal(ctx, address.Path, file, p)
	} else {
		err = f.download(ctx, address, file, p)
	}
	if err == nil {
		err = p.publish(file.Path)
	}
	if err == nil {
		f.opt.report(Event{Kind: Done, Name: file.Name, Bytes: p.size, Total: p.size})
	}
	return err
}

// distinct refuses two files, or a file and a part, of one path: two writers
// of one name would publish a mixture.
func distinct(files []File) error {
	seen := make(map[string]string, 2*len(files))
	for _, file := range files {
		for _, path := range []string{filepath.Clean(file.Path), filepath.Clean(file.Path) + partSuffix} {
			if other, twice := seen[path]; twice {
				return fmt.Errorf("fetch %s and %s: both would be written to %s", other, file.Name, path)
			}
			seen[path] = file.Name
		}
	}
	return nil
}
