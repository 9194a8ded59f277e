package repo

import (
	"context"
	"errors"
	"io/fs"
	"net/url"
	"time"

	"moss/internal/fault"
	"moss/store/fetch"
)

// updater is the update of one repository.
type updater struct {
	root string
	repo Repository
	opt  fetch.Options
	now  time.Time
	base *url.URL
	last source // of the stored index; zero when there is none
	have []byte // the stored index itself, nil when it cannot be used
}

func (u *updater) run(ctx context.Context) (Updated, error) {
	if u.repo.Key == "" && !u.repo.Unsigned {
		return Updated{}, noKey(u.repo.Name)
	}
	var err error
	if u.base, err = indexURL(u.repo.URI); err != nil {
		return Updated{}, err
	}
	if u.last, err = storedSource(u.root, u.repo.Name); err != nil {
		return Updated{}, err
	}
	u.have = u.stored()
	b, err := u.get(ctx)
	var race *badSignature
	if errors.As(err, &race) {
		// The index may have been replaced between the two requests; whatever was
		// kept is left aside, too.
		u.have = nil
		b, err = u.get(ctx)
	}
	if err != nil {
		return Updated{}, err
	}
	return u.keep(b)
}

// stored is the index that is there, if a server may be asked for a newer one
// only: it must be whole, and accepted under the same address and key.
func (u *updater) stored() []byte {
	folder, err := openStored(u.root, u.repo.Name)
	if err != nil {
		return nil
	}
	defer folder.Close()
	if applies(u.repo, u.last.url, u.last.key) != nil {
		return nil
	}
	if _, err := loadCache(folder); err != nil {
		return nil // fetched anew, it is written anew
	}
	index, err := storedIndex(folder, u.repo, u.last)
	if err != nil {
		return nil
	}
	return index
}

// get fetches and proves index and signature. Nothing is parsed here.
func (u *updater) get(ctx context.Context) (b bundle, err error) {
	if !u.repo.Unsigned {
		if b.signature, err = u.signature(ctx); err != nil && !missing(err) {
			return b, err
		}
	}
	doc, failed := u.index(ctx)
	if failed != nil {
		return b, failed
	}
	if err != nil { // only now: of a mistyped address the index is missing, too
		return b, untrusted(u.repo.Name, "ask the publisher to sign it, or accept it without a signature (--allow-unsigned; in its file `unsigned: true`)", "its index has no signature: %v", err)
	}
	b.index = doc.Data
	b.source = source{url: u.base.String(), sha256: sum(b.index), etag: doc.ETag, modified: doc.LastModified, updated: u.now}
	if !u.repo.Unsigned {
		if b.source.key, err = ParseKey(u.repo.Key); err != nil {
			return b, err
		}
		b.source.time, err = verify(u.repo, b.index, b.signature, u.last.accepted(), u.now)
	}
	return b, err
}

func (u *updater) signature(ctx context.Context) ([]byte, error) {
	address := *u.base
	address.Path, address.RawPath = address.Path+sigSuffix, ""
	doc, err := fetch.Get(ctx, address.String(), "", "", maxSignature, u.opt)
	return doc.Data, err
}

// index is the index as the server has it, or as it was stored when the server
// says that this is the same.
func (u *updater) index(ctx context.Context) (fetch.Document, error) {
	var etag, modified string
	if u.have != nil {
		etag, modified = u.last.etag, u.last.modified
	}
	doc, err := fetch.Get(ctx, u.base.String(), etag, modified, maxIndex, u.opt)
	if doc.NotModified {
		doc.Data, doc.ETag, doc.LastModified = u.have, u.last.etag, u.last.modified
	}
	return doc, err
}

// missing tells that the server has no such document from all that may be wrong
// with the server.
func missing(err error) bool {
	var status *fetch.StatusError
	if errors.As(err, &status) {
		return status.Code == 404 || status.Code == 403 || status.Code == 410
	}
	return errors.Is(err, fs.ErrNotExist)
}

// keep parses what was proved and stores it, unless it is there already.
func (u *updater) keep(b bundle) (Updated, error) {
	if err := fault.Point("repo/fetched"); err != nil {
		return Updated{}, err
	}
	result := Updated{Name: u.repo.Name, Time: b.source.time, Unsigned: u.repo.Unsigned, Changed: b.source.sha256 != u.last.sha256}
	if u.have != nil && b.source.accepted() == u.last.accepted() {
		result.Packages, b.source.packages = u.last.packages, u.last.packages
		return result, touch(u.root, u.repo.Name, b.source)
	}
	var err error
	if b.packages, err = parseIndex(b.index, u.base); err != nil {
		return Updated{}, err
	}
	b.source.packages, result.Packages = len(b.packages), len(b.packages)
	err = put(u.root, u.repo.Name, b, u.last.accepted(), func(last accepted) error {
		if u.repo.Unsigned || last.key != b.source.key {
			return nil
		}
		return fresh(u.repo.Name, b.source.time, b.source.sha256, last, u.now)
	})
	return result, err
}
