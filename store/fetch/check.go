package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// check fills in what may be left out and refuses what cannot be fetched
// safely, before anything touches the network or the disk.
func (f *File) check() error {
	if f.Name == "" {
		f.Name = filepath.Base(f.Path)
	}
	if f.Path == "" {
		return fmt.Errorf("fetch %s: no path to put it at", redacted(f.URL))
	}
	if f.Max == 0 {
		f.Max = f.Size
	}
	if f.Max <= 0 || f.Size < 0 || f.Size > f.Max {
		return fmt.Errorf("fetch %s: a size of %d and a bound of %d bytes do not fit together", f.Name, f.Size, f.Max)
	}
	if f.SHA256 == "" {
		return nil
	}
	sum, err := hex.DecodeString(f.SHA256)
	if err != nil || len(sum) != sha256.Size {
		return fmt.Errorf("fetch %s: %q is no SHA-256 in hexadecimal", f.Name, f.SHA256)
	}
	f.SHA256 = hex.EncodeToString(sum)
	return nil
}

// limit is the most bytes that may come.
func (f *File) limit() int64 {
	if f.Size > 0 {
		return f.Size
	}
	return f.Max
}

// parse reads an address; a plain path becomes a file address. Only what
// has a "://", or starts with "file:/", is a URL: a file may well be called "a:b".
func parse(address string) (*url.URL, error) {
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok && !strings.HasPrefix(address, "file:/") {
		return &url.URL{Scheme: "file", Path: address}, nil
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, &ReplyError{URL: redacted(address), What: "this is no address"}
	}
	switch u.Scheme {
	case "http", "https":
		if u.Host == "" {
			return nil, &ReplyError{URL: u.Redacted(), What: "this address names no server"}
		}
		return u, nil
	case "file":
		if u.Host != "" && u.Host != "localhost" {
			return nil, &ReplyError{URL: address, What: "a file address has three slashes; host names are not served"}
		}
		return &url.URL{Scheme: "file", Path: u.Path}, nil
	}
	return nil, &SchemeError{To: scheme + "://" + rest}
}

// redacted takes passwords out of an address that did not parse.
func redacted(address string) string {
	if u, err := url.Parse(address); err == nil {
		return u.Redacted()
	}
	if scheme, rest, ok := strings.Cut(address, "://"); ok {
		if at := strings.LastIndexByte(rest, '@'); at >= 0 {
			return scheme + "://" + rest[at+1:]
		}
	}
	return address
}

// present says whether the file is there already, with the promised content.
func present(ctx context.Context, file File) (int64, bool) {
	if file.SHA256 == "" {
		return 0, false
	}
	info, err := os.Lstat(file.Path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > file.limit() || file.Size > 0 && info.Size() != file.Size {
		return 0, false
	}
	f, err := os.OpenFile(file.Path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return 0, false
	}
	defer f.Close()
	h := sha256.New()
	n, err := copyContext(ctx, h, io.LimitReader(f, file.Max+1))
	return n, err == nil && hex.EncodeToString(h.Sum(nil)) == file.SHA256
}

// copyContext copies until r ends or ctx does.
func copyContext(ctx context.Context, w io.Writer, r io.Reader) (int64, error) {
	var n int64
	buf := make([]byte, chunk)
	for {
		if err := ctx.Err(); err != nil {
			return n, context.Cause(ctx)
		}
		k, err := r.Read(buf)
		if k > 0 {
			if _, err := w.Write(buf[:k]); err != nil {
				return n, err
			}
			n += int64(k)
		}
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}
