package repo

import (
	"fmt"
	"net/url"
	"path"
	"strings"
	"unicode"
)

const (
	indexName = "stone.index"
	sigSuffix = ".minisig"
	maxURL    = 4096
)

// indexURL is the address of a repository's index. A URI that ends in ".index"
// names the index itself, any other the folder of its stone.index; an absolute
// path is a file: URI.
func indexURL(uri string) (*url.URL, error) {
	if strings.HasPrefix(uri, "/") && !strings.HasPrefix(uri, "//") {
		uri = (&url.URL{Scheme: "file", Path: uri}).String()
	}
	u, err := parseURL(uri)
	if err != nil {
		return nil, err
	}
	switch {
	case u.Scheme == "file" && !path.IsAbs(u.Path):
		return nil, fmt.Errorf("repository uri %q: want an absolute path", uri)
	case u.RawQuery != "" || u.ForceQuery:
		return nil, fmt.Errorf("repository uri %q: a query has no place in it", uri)
	}
	if !strings.HasSuffix(u.Path, ".index") {
		u = u.JoinPath(indexName)
	}
	return u, nil
}

// parseURL reads an absolute URL of a scheme that can be fetched.
func parseURL(text string) (*url.URL, error) {
	if len(text) > maxURL || strings.ContainsFunc(text, unicode.IsControl) {
		return nil, fmt.Errorf("address %.60q: too long, or with control characters", text)
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("address %q: %w", text, err)
	}
	return u, checkURL(u)
}

func checkURL(u *url.URL) error {
	switch {
	case u.User != nil:
		// Not quoted: the password would end up in logs.
		return fmt.Errorf("address at %s: a user name or password must not stand in it", u.Host)
	case u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "file":
		return fmt.Errorf("address %q: want http, https, file or an absolute path", u)
	case u.Fragment != "" || u.Opaque != "":
		return fmt.Errorf("address %q: want a plain address without a fragment", u)
	case u.Scheme == "file" && u.Host != "" && u.Host != "localhost":
		return fmt.Errorf("address %q: a file address has no host", u)
	case u.Scheme != "file" && u.Hostname() == "":
		return fmt.Errorf("address %q: no host", u)
	}
	return nil
}

// packageURL joins what an index says of a package's place to the address of
// the index. A relative one may climb (pools are shared between indexes); what
// it may not do is change to a place that the index's own scheme does not lead
// to: a file: of this machine from the network, or http below https.
func packageURL(base *url.URL, uri string) (string, error) {
	if uri == "" || len(uri) > maxURL || strings.ContainsFunc(uri, unicode.IsControl) {
		return "", fmt.Errorf("address %.60q: empty, too long, or with control characters", uri)
	}
	ref, err := url.Parse(uri)
	if err != nil {
		return "", fmt.Errorf("address %q: %w", uri, err)
	}
	u := base.ResolveReference(ref)
	if err := checkURL(u); err != nil {
		return "", err
	}
	switch {
	case u.Scheme == "file" && (base.Scheme != "file" || ref.Scheme != "" || ref.Host != "" || path.IsAbs(ref.Path)):
		return "", fmt.Errorf("address %q: only a file repository may name files, and only relative to its index", uri)
	case u.Scheme == "http" && base.Scheme == "https":
		return "", fmt.Errorf("address %q: http from an index that came by https", uri)
	}
	return u.String(), nil
}
