package fetch

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// worthwhile is how many new bytes make an attempt count as progress: a server
// that drops the connection every few megabytes is slow, not broken, but one
// that sends a byte at a time shall not keep us for ever.
const worthwhile = 64 << 10

// temporary is an error after which another attempt may go better.
type temporary struct{ error }

func (t *temporary) Unwrap() error { return t.error }

// busy is a temporary error whose server said when to come again.
type busy struct {
	error
	after time.Duration
}

func (b *busy) Unwrap() error { return b.error }

// again runs try until it succeeds, fails for good, or has failed too often in
// a row without gaining anything. gained is how many bytes are here.
func (f *fetcher) again(ctx context.Context, try func() error, gained func() int64, retry func(error)) error {
	best := gained()
	for failures := 0; ; {
		err := try()
		soft, ok := errors.AsType[*temporary](err)
		if !ok {
			return err
		}
		if now := gained(); now >= best+worthwhile {
			best, failures = now, 0
		}
		failures++
		if failures > f.retries {
			return soft.error
		}
		retry(soft.error)
		if err := f.pause(ctx, soft, failures); err != nil {
			return err
		}
	}
}

func (f *fetcher) pause(ctx context.Context, why error, failures int) error {
	d := backoff(failures)
	if b, ok := errors.AsType[*busy](why); ok {
		d = max(d, b.after)
	}
	if f.opt.Wait != nil {
		return f.opt.Wait(ctx, d)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// backoff doubles from half a second to half a minute. The random quarter
// keeps a thousand machines from coming back in step.
func backoff(failures int) time.Duration {
	d := min(500*time.Millisecond<<min(failures-1, 10), 30*time.Second)
	return d + rand.N(d/4)
}

// status makes an error of an answer that brings no file.
func status(address string, r *http.Response) error {
	err := error(&StatusError{URL: address, Code: r.StatusCode})
	switch r.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests, http.StatusServiceUnavailable:
		if seconds, bad := strconv.Atoi(r.Header.Get("Retry-After")); bad == nil && seconds > 0 {
			err = &busy{err, time.Duration(min(seconds, 60)) * time.Second}
		}
		return &temporary{err}
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return err
	}
	if r.StatusCode >= 500 {
		return &temporary{err}
	}
	return err
}
