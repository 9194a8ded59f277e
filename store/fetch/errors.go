package fetch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"

	"golang.org/x/sys/unix"
)

// StatusError is an answer that brings no file.
type StatusError struct {
	URL  string
	Code int // HTTP status
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("%s: the server says %d %s", e.URL, e.Code, http.StatusText(e.Code))
}

// Hint says what to do next.
func (e *StatusError) Hint() string {
	switch {
	case e.Code == http.StatusNotFound || e.Code == http.StatusGone:
		return "refresh the repositories with moss repo update; if it stays, the address is wrong"
	case e.Code == http.StatusUnauthorized || e.Code == http.StatusForbidden:
		return "the server wants credentials, or does not serve this network"
	case e.Code >= 500 || e.Code == http.StatusTooManyRequests:
		return "the server is in trouble; try again later"
	}
	return "check the address of the repository with moss repo list"
}

// SizeError is more or fewer bytes than were promised.
type SizeError struct {
	URL  string
	Want int64 // bytes promised, or allowed when Max
	Got  int64 // bytes that came or were announced; -1 when it was more than Want and nobody counted
	Max  bool  // Want is an upper bound, not a promise
}

func (e *SizeError) Error() string {
	got, want := "more", fmt.Sprintf("%d bytes were promised", e.Want)
	if e.Got >= 0 {
		got = fmt.Sprintf("%d bytes", e.Got)
	}
	if e.Max {
		want = fmt.Sprintf("at most %d bytes are allowed", e.Want)
	}
	return fmt.Sprintf("%s: %s, the server has %s", e.URL, want, got)
}

// Hint says what to do next.
func (e *SizeError) Hint() string { return stale }

// HashError is content other than what was promised. It is never kept.
type HashError struct{ URL, Want, Got string }

func (e *HashError) Error() string {
	return fmt.Sprintf("%s: the content has SHA-256 %s, want %s", e.URL, e.Got, e.Want)
}

// Hint says what to do next.
func (e *HashError) Hint() string { return stale }

const stale = "refresh the repositories with moss repo update; if it stays, the mirror is damaged or somebody changes files on the way"

// SchemeError is an address, or a redirect to one, that is not served: only
// http, https and file are, no redirect may lead to a file, and none from
// https to http, where anybody could change what comes.
type SchemeError struct {
	URL string // what redirected; "" when To was asked for itself
	To  string
}

func (e *SchemeError) Error() string {
	if e.URL == "" {
		return fmt.Sprintf("%s: only http, https and file addresses are served", redacted(e.To))
	}
	return fmt.Sprintf("%s: the server redirects to %s, which is refused", e.URL, redacted(e.To))
}

// Hint says what to do next.
func (e *SchemeError) Hint() string {
	if e.URL == "" {
		return "give an address that starts with https://, http:// or file://"
	}
	return "use another mirror; this one is misconfigured or hostile"
}

// ReplyError is an answer that breaks the protocol, or an address nobody can ask.
type ReplyError struct{ URL, What string }

func (e *ReplyError) Error() string { return e.URL + ": " + e.What }

// Hint says what to do next.
func (e *ReplyError) Hint() string { return "check the address, or use another mirror" }

// SpaceError is a disk without room for a part. The part is kept.
type SpaceError struct {
	Path string
	Err  error
}

func (e *SpaceError) Error() string { return fmt.Sprintf("write %s: %v", e.Path, e.Err) }
func (e *SpaceError) Unwrap() error { return e.Err }

// Hint says what to do next.
func (e *SpaceError) Hint() string {
	return "make room on the file system that holds " + e.Path + " and run it again; what is there is not fetched twice"
}

// StoppedError is a call that was told to end. Its parts are kept. It is a
// context.Canceled, whatever cause the context was given.
type StoppedError struct{ Err error }

func (e *StoppedError) Error() string   { return "fetch: stopped: " + e.Err.Error() }
func (e *StoppedError) Unwrap() []error { return []error{context.Canceled, e.Err} }

// Hint says what to do next.
func (e *StoppedError) Hint() string {
	return "run it again: what is here already is not fetched twice"
}

// BusyError is a part that another process writes.
type BusyError struct{ Path string }

func (e *BusyError) Error() string { return e.Path + ": another process is fetching this file" }

// Hint says what to do next.
func (e *BusyError) Hint() string { return "wait until it is done, then run it again" }

// local dresses an error of the disk; it is never retried.
func local(path string, err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		var at *os.PathError
		if errors.As(err, &at) {
			err = at.Err
		}
		return &SpaceError{path, err}
	}
	return err
}
