package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"moss/internal/fault"
)

// copyLocal fills p from a file of this machine. It is a copy, not a hard
// link: the other file may be changed in place at any time.
func (f *fetcher) copyLocal(ctx context.Context, from string, file File, p *part) error {
	if err := fault.Point("download/begin"); err != nil {
		return err
	}
	if err := p.reset(); err != nil {
		return err
	}
	source, err := openLocal(from, file)
	if err != nil {
		return err
	}
	defer source.Close()
	if _, err := copyContext(ctx, &meter{f, file, p}, io.LimitReader(source, file.limit()+1)); err != nil {
		return err
	}
	err = p.prove(from, file)
	if _, wrong := errors.AsType[*HashError](err); wrong {
		p.drop()
	}
	return err
}

// openLocal opens a regular file of a fitting size; without O_NONBLOCK a named
// pipe would hold us for ever.
func openLocal(from string, file File) (*os.File, error) {
	source, err := os.OpenFile(from, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := source.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", from)
	}
	if err == nil {
		err = fits(from, info.Size(), file)
	}
	if err != nil {
		return nil, errors.Join(err, source.Close())
	}
	return source, nil
}

// meter counts and bounds what goes into a part.
type meter struct {
	f    *fetcher
	file File
	p    *part
}

func (m *meter) Write(b []byte) (int, error) {
	if int64(len(b)) > m.file.limit()-m.p.size {
		m.p.drop()
		return 0, &SizeError{URL: m.file.URL, Want: m.file.limit(), Got: -1, Max: m.file.Size == 0}
	}
	n, err := m.p.Write(b)
	m.f.opt.report(Event{Kind: Progress, Name: m.file.Name, Bytes: m.p.size, Total: m.file.Size})
	return n, err
}
