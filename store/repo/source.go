package repo

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// source says where a stored index came from; it is the memory against replay.
type source struct {
	url, key       string    // key "": it was accepted without a signature
	time           time.Time // what the signature covers; zero when unsigned
	sha256         string    // of stone.index
	packages       int
	etag, modified string    // for the next request
	updated        time.Time // when the repository last answered
}

func (s source) accepted() accepted {
	a := accepted{key: s.key, sha256: s.sha256}
	if !s.time.IsZero() {
		a.time = s.time.Unix()
	}
	return a
}

func (s source) encode() []byte {
	var b strings.Builder
	line := func(key, value string) {
		// A server's header is not ours to trust with our lines.
		if value != "" && !strings.ContainsFunc(value, unicode.IsControl) {
			fmt.Fprintf(&b, "%s: %s\n", key, value)
		}
	}
	line("url", s.url)
	line("key", s.key)
	if !s.time.IsZero() {
		line("time", s.time.UTC().Format(time.RFC3339))
	}
	line("sha256", s.sha256)
	line("packages", strconv.Itoa(s.packages))
	line("etag", s.etag)
	line("modified", s.modified)
	line("updated", s.updated.UTC().Format(time.RFC3339))
	return []byte(b.String())
}

func parseSource(text []byte) (s source, err error) {
	for line := range strings.Lines(string(text)) {
		key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		if !ok {
			return s, fmt.Errorf("line %.60q", line)
		}
		switch key {
		case "url":
			s.url = value
		case "key":
			s.key = value
		case "time":
			s.time, err = time.Parse(time.RFC3339, value)
		case "sha256":
			s.sha256 = value
		case "packages":
			s.packages, err = strconv.Atoi(value)
		case "etag":
			s.etag = value
		case "modified":
			s.modified = value
		case "updated":
			s.updated, err = time.Parse(time.RFC3339, value)
		}
		if err != nil {
			return s, err
		}
	}
	// Without these the check against replay would pass for want of a past.
	if s.url == "" || !isSHA256(s.sha256) || s.updated.IsZero() || s.key != "" && s.time.IsZero() {
		return s, fmt.Errorf("lines are missing")
	}
	return s, nil
}

// readSource reads the source file of a stored index.
func readSource(folder fs.FS, name string) (source, error) {
	text, err := fs.ReadFile(folder, sourceName)
	if err != nil {
		return source{}, err
	}
	s, err := parseSource(text)
	if err != nil {
		return source{}, &StoredError{name, fmt.Sprintf("%s is damaged: %v", sourceName, err),
			fmt.Sprintf("remove the folder /%s/%s, then: moss repo update %s", home, name, name)}
	}
	return s, nil
}

// StoredError is a stored index that cannot be used.
type StoredError struct{ Repo, What, Advice string }

func (e *StoredError) Error() string {
	return fmt.Sprintf("stored index of repository %s: %s", e.Repo, e.What)
}

// Hint says how to get a new one.
func (e *StoredError) Hint() string { return e.Advice }

func stale(repo, what string, args ...any) error {
	return &StoredError{repo, fmt.Sprintf(what, args...), "fetch it: moss repo update " + repo}
}
