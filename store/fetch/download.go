package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"moss/internal/fault"
)

// download fills p from a web server, and proves it.
func (f *fetcher) download(ctx context.Context, address *url.URL, file File, p *part) error {
	if err := fault.Point("download/begin"); err != nil {
		return err
	}
	try := func() error { return f.attempt(ctx, address, file, p) }
	gained := func() int64 { return p.size }
	return f.again(ctx, try, gained, func(err error) {
		f.opt.report(Event{Kind: Retry, Name: file.Name, Bytes: p.size, Total: file.Size, Err: err})
	})
}

func (f *fetcher) attempt(ctx context.Context, address *url.URL, file File, p *part) error {
	if file.Size == 0 || p.size < file.Size {
		if err := f.receive(ctx, address, file, p); err != nil {
			return err
		}
	}
	err := p.prove(address.Redacted(), file)
	if err == nil {
		return nil
	}
	if _, short := errors.AsType[*SizeError](err); short {
		// A connection that ends early looks like a short file where the server
		// did not say how long it is.
		return &temporary{err}
	}
	if !p.resumed {
		p.drop()
		return err
	}
	// Pieces that do not fit say nothing about the file: the power may have
	// failed under the first, or the server changed the file. Begin again.
	if reset := p.reset(); reset != nil {
		return reset
	}
	return &temporary{err}
}

// receive asks for what is missing and writes what comes.
func (f *fetcher) receive(ctx context.Context, address *url.URL, file File, p *part) error {
	if p.size > 0 && p.validator == "" && file.SHA256 == "" {
		if err := p.reset(); err != nil {
			return err
		}
	}
	r, err := f.ask(ctx, address, ranges(p))
	if err != nil {
		return err
	}
	defer r.close()
	if err := accept(address.Redacted(), r.Response, file, p); err != nil {
		return err
	}
	if p.size == 0 {
		p.remember(validator(r.Response, file))
	} else {
		p.resumed = true
	}
	return f.body(address, r, file, p)
}

func ranges(p *part) http.Header {
	header := http.Header{}
	if p.size > 0 {
		header.Set("Range", fmt.Sprintf("bytes=%d-", p.size))
		if p.validator != "" {
			header.Set("If-Range", p.validator)
		}
	}
	return header
}

// validator is what If-Range may hold: a strong entity tag, or a date that is
// one (RFC 9110, section 8.8.2.2: older than the answer by a second at least;
// a hash to prove the result by makes up for that).
func validator(r *http.Response, file File) string {
	if tag := r.Header.Get("ETag"); strings.HasPrefix(tag, `"`) {
		return tag
	}
	text := r.Header.Get("Last-Modified")
	modified, err := http.ParseTime(text)
	if err != nil {
		return ""
	}
	sent, err := http.ParseTime(r.Header.Get("Date"))
	if file.SHA256 != "" || err == nil && sent.Sub(modified) >= time.Second {
		return text
	}
	return ""
}

// accept decides by the head of an answer whether its body belongs at the end
// of p, which it empties when the whole file comes.
func accept(address string, r *http.Response, file File, p *part) error {
	switch r.StatusCode {
	case http.StatusOK:
		if err := p.reset(); err != nil {
			return err
		}
		return fits(address, r.ContentLength, file)
	case http.StatusPartialContent:
		return continues(address, r, file, p)
	case http.StatusRequestedRangeNotSatisfiable:
		// What is here is longer than the server's file.
		if err := p.reset(); err != nil {
			return err
		}
		return &temporary{&StatusError{URL: address, Code: r.StatusCode}}
	}
	return status(address, r)
}

// fits refuses by the announced length, -1 when none was, before a byte is
// read.
func fits(address string, length int64, file File) error {
	if file.Size > 0 && length >= 0 && length != file.Size {
		return &SizeError{URL: address, Want: file.Size, Got: length}
	}
	if length > file.Max {
		return &SizeError{URL: address, Want: file.Max, Got: length, Max: true}
	}
	return nil
}

// continues checks that a partial answer is the rest that was asked for. What
// is not leads to one more attempt, for the whole file.
func continues(address string, r *http.Response, file File, p *part) error {
	var first, last, total int64
	said := r.Header.Get("Content-Range")
	_, err := fmt.Sscanf(said, "bytes %d-%d/%d", &first, &last, &total)
	asked := p.size > 0
	tag := r.Header.Get("ETag")
	other := tag != "" && strings.HasPrefix(p.validator, `"`) && tag != p.validator
	if err == nil && asked && !other && first == p.size && last == total-1 && (r.ContentLength < 0 || r.ContentLength == total-first) {
		return fits(address, total, file)
	}
	wrong := &ReplyError{URL: address, What: fmt.Sprintf("the server sends the range %q, from byte %d on was asked for", said, p.size)}
	if !asked {
		return wrong
	}
	if err := p.reset(); err != nil {
		return err
	}
	return &temporary{wrong}
}

// body writes what comes to p, and never a byte more than may be.
func (f *fetcher) body(address *url.URL, r *reply, file File, p *part) error {
	buf := make([]byte, chunk)
	for {
		n, err := r.Read(buf)
		if room := file.limit() - p.size; int64(n) > room {
			p.drop()
			return &SizeError{URL: address.Redacted(), Want: file.limit(), Got: -1, Max: file.Size == 0}
		}
		if n > 0 {
			if _, err := p.Write(buf[:n]); err != nil {
				return err
			}
			f.opt.report(Event{Kind: Progress, Name: file.Name, Bytes: p.size, Total: file.Size})
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return r.explain(address, err)
		}
	}
}
