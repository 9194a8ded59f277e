package fetch

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
)

// Document is a small file, held in memory.
type Document struct {
	Data []byte
	// ETag and LastModified are what to hand to the next Get.
	ETag, LastModified string
	NotModified        bool // Data is empty: what the caller has is what there is
}

// Get brings the document at url, at most max bytes of it. With the etag or
// lastModified of an earlier answer an unchanged document is not sent again.
// A local file is always read.
func Get(ctx context.Context, url, etag, lastModified string, max int64, opt Options) (Document, error) {
	f := newFetcher(opt)
	defer f.close()
	doc, err := f.get(ctx, url, etag, lastModified, max)
	if err != nil && ctx.Err() != nil {
		return Document{}, &StoppedError{context.Cause(ctx)}
	}
	if err != nil {
		return Document{}, fmt.Errorf("fetch %s: %w", path.Base(redacted(url)), err)
	}
	return doc, nil
}

func (f *fetcher) get(ctx context.Context, from, etag, lastModified string, max int64) (Document, error) {
	file := File{URL: from, Name: path.Base(redacted(from)), Max: max}
	address, err := parse(from)
	if err != nil {
		return Document{}, err
	}
	if address.Scheme == "file" {
		return readLocal(ctx, address.Path, file)
	}
	var doc Document
	try := func() error {
		doc, err = f.document(ctx, address, file, etag, lastModified)
		return err
	}
	none := func() int64 { return 0 }
	err = f.again(ctx, try, none, func(err error) { f.opt.report(Event{Kind: Retry, Name: file.Name, Err: err}) })
	return doc, err
}

func readLocal(ctx context.Context, from string, file File) (Document, error) {
	source, err := openLocal(from, file)
	if err != nil {
		return Document{}, err
	}
	defer source.Close()
	var data bytes.Buffer
	n, err := copyContext(ctx, &data, io.LimitReader(source, file.Max+1))
	if err == nil && n > file.Max {
		err = &SizeError{URL: from, Want: file.Max, Got: -1, Max: true}
	}
	return Document{Data: data.Bytes()}, err
}

func (f *fetcher) document(ctx context.Context, address *url.URL, file File, etag, lastModified string) (Document, error) {
	header := http.Header{}
	if etag != "" {
		header.Set("If-None-Match", etag)
	}
	if lastModified != "" {
		header.Set("If-Modified-Since", lastModified)
	}
	asked := len(header) > 0
	r, err := f.ask(ctx, address, header)
	if err != nil {
		return Document{}, err
	}
	defer r.close()
	if r.StatusCode == http.StatusNotModified && asked {
		return Document{ETag: etag, LastModified: lastModified, NotModified: true}, nil
	}
	if r.StatusCode != http.StatusOK {
		return Document{}, status(address.Redacted(), r.Response)
	}
	if err := fits(address.Redacted(), r.ContentLength, file); err != nil {
		return Document{}, err
	}
	data, err := io.ReadAll(io.LimitReader(r, file.Max+1))
	if err != nil {
		return Document{}, r.explain(address, err)
	}
	if int64(len(data)) > file.Max {
		return Document{}, &SizeError{URL: address.Redacted(), Want: file.Max, Got: -1, Max: true}
	}
	return Document{Data: data, ETag: r.Header.Get("ETag"), LastModified: r.Header.Get("Last-Modified")}, nil
}
