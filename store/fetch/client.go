package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

const maxRedirects = 10

// errIdle is the cause of an attempt that was given up.
var errIdle = errors.New("the connection is stalled")

// fetcher is one call: its options with the defaults filled in, one client.
type fetcher struct {
	opt              Options
	client           *http.Client
	own              bool
	workers, retries int
	idle             time.Duration
}

func newFetcher(opt Options) *fetcher {
	f := &fetcher{opt: opt, own: opt.Client == nil, workers: opt.Workers, retries: opt.Retries, idle: opt.Idle}
	if f.workers <= 0 {
		f.workers = 4
	}
	if f.retries == 0 {
		f.retries = 4
	}
	if f.idle <= 0 {
		f.idle = 30 * time.Second
	}
	f.client = &http.Client{Transport: transport(f.workers)}
	if !f.own {
		client := *opt.Client
		f.client = &client
	}
	f.client.CheckRedirect = checkRedirect
	return f
}

// transport has no limit for a whole answer: a large file on a slow line is no
// error, silence is, and that is watched byte by byte.
func transport(workers int) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 15 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:    15 * time.Second,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    workers,
		IdleConnTimeout:        time.Minute,
		MaxResponseHeaderBytes: 1 << 20,
		// A size and a hash are of the bytes that travel.
		DisableCompression: true,
	}
}

func (f *fetcher) close() {
	if f.own {
		f.client.CloseIdleConnections()
	}
}

func checkRedirect(req *http.Request, via []*http.Request) error {
	from := via[len(via)-1].URL
	to := req.URL
	if to.Scheme != "http" && to.Scheme != "https" || from.Scheme == "https" && to.Scheme == "http" {
		return &SchemeError{URL: from.Redacted(), To: to.Redacted()}
	}
	if len(via) > maxRedirects {
		return &ReplyError{URL: via[0].URL.Redacted(), What: fmt.Sprintf("more than %d redirects", maxRedirects)}
	}
	return nil
}

// reply is an answer under way, given up when no byte comes for the idle time.
type reply struct {
	*http.Response
	ctx   context.Context
	watch *time.Timer
	idle  time.Duration
	stop  context.CancelCauseFunc
}

// ask sends one request. The errors it returns are temporary where another
// attempt may go better. close must be called on what it returns.
func (f *fetcher) ask(ctx context.Context, address *url.URL, header http.Header) (*reply, error) {
	ctx, stop := context.WithCancelCause(ctx)
	r := &reply{ctx: ctx, stop: stop, idle: f.idle}
	r.watch = time.AfterFunc(f.idle, func() { stop(errIdle) })
	req := (&http.Request{Method: http.MethodGet, URL: address, Host: address.Host, Header: header}).WithContext(ctx)
	header.Set("User-Agent", "moss")
	header.Set("Accept-Encoding", "identity")
	var err error
	r.Response, err = f.client.Do(req)
	r.watch.Stop()
	if err != nil {
		err = r.explain(address, err)
		r.close()
		return nil, err
	}
	if code := r.Header.Get("Content-Encoding"); code != "" && code != "identity" {
		r.close()
		return nil, &ReplyError{URL: address.Redacted(), What: fmt.Sprintf("the server sends it encoded as %q, which was not asked for", code)}
	}
	return r, nil
}

func (r *reply) close() {
	r.watch.Stop()
	if r.Response != nil {
		_ = r.Body.Close()
	}
	r.stop(nil)
}

// Read is the body's. The watch runs only while we wait for the server: a disk
// that takes its time to write is no stalled connection.
func (r *reply) Read(b []byte) (int, error) {
	r.watch.Reset(r.idle)
	defer r.watch.Stop()
	return r.Body.Read(b)
}

// explain tells what may go better next time from what will not, and says of
// a cancelled request what cancelled it.
func (r *reply) explain(address *url.URL, err error) error {
	if cause := context.Cause(r.ctx); cause != nil {
		if errors.Is(cause, errIdle) {
			return &temporary{fmt.Errorf("%s: no byte for %v, %w", address.Redacted(), r.idle, cause)}
		}
		return cause
	}
	if scheme, ok := errors.AsType[*SchemeError](err); ok {
		return scheme
	}
	if broken, ok := errors.AsType[*ReplyError](err); ok {
		return broken
	}
	if at, ok := errors.AsType[*url.Error](err); ok {
		err = at.Err
	}
	err = fmt.Errorf("%s: %w", address.Redacted(), err)
	if hopeless(err) {
		return err
	}
	return &temporary{err}
}

// hopeless is true of what another attempt would only repeat.
func hopeless(err error) bool {
	if _, bad := errors.AsType[*tls.CertificateVerificationError](err); bad {
		return true
	}
	if errors.Is(err, http.ErrSchemeMismatch) {
		return true
	}
	name, bad := errors.AsType[*net.DNSError](err)
	return bad && name.IsNotFound
}
