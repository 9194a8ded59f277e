package pack

import (
	"archive/tar"
	"context"
	"io"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"moss/store/deb"
	"moss/store/stone"
)

// debReader turns the entries of a data archive into a plan.
type debReader struct {
	label    string
	plan     *plan
	contents *contents
	files    map[string]stone.Layout // regular files by their name in the archive
}

func (r *debReader) read(ctx context.Context, d *deb.File) error {
	return d.Data(func(h *tar.Header, body io.Reader) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return r.entry(h, body)
	})
}

func (r *debReader) entry(h *tar.Header, body io.Reader) error {
	name, err := r.name(h.Name)
	switch {
	case err != nil:
		return err
	case name == "" && h.Typeflag == tar.TypeDir:
		return nil
	case name == "":
		return refused(r.label, h.Name, "the root is not a folder")
	}
	l, err := r.owner(name, h)
	if err != nil {
		return err
	}
	if h.Typeflag == tar.TypeLink {
		return r.hardLink(name, h.Linkname)
	}
	if err := r.content(name, h, body, &l); err != nil {
		return err
	}
	return r.add(name, l)
}

// name is a tar name as a plain relative path, "" for the archive's root. dpkg
// writes "./usr/bin/x"; what is not plain after that prefix is refused rather
// than cleaned: cleaning "usr/../etc" would hide what the package tried.
func (r *debReader) name(raw string) (string, error) {
	name := strings.TrimSuffix(strings.TrimPrefix(raw, "./"), "/")
	if name == "." || name == "" && raw != "" && raw != "/" {
		return "", nil
	}
	return name, checkPath(r.label, raw, name)
}

// owner begins a layout with what every kind of entry has.
func (r *debReader) owner(name string, h *tar.Header) (stone.Layout, error) {
	// (uid_t)-1 means "leave as it is" to chown(2): it is no owner.
	if h.Uid < 0 || h.Gid < 0 || h.Uid >= 1<<32-1 || h.Gid >= 1<<32-1 {
		return stone.Layout{}, refused(r.label, name, "owner %d:%d is out of range", h.Uid, h.Gid)
	}
	l := stone.Layout{Path: place(name), UID: uint32(h.Uid), GID: uint32(h.Gid), Mode: uint32(h.Mode & 0o7777)}
	for key, value := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return l, refused(r.label, name, "a sparse file")
		}
		if attr, ok := strings.CutPrefix(key, "SCHILY.xattr."); ok && keepXattr(attr) {
			l.Xattrs = append(l.Xattrs, stone.Xattr{Name: attr, Value: []byte(value)})
		}
	}
	return l, nil
}

// keepXattr leaves out what belongs to the machine the archive was made on:
// trusted.* and system.* (ACLs among them) have no meaning in a package.
func keepXattr(name string) bool {
	return strings.HasPrefix(name, "security.") || strings.HasPrefix(name, "user.")
}

// content fills in what the entry's kind adds.
func (r *debReader) content(name string, h *tar.Header, body io.Reader, l *stone.Layout) (err error) {
	switch h.Typeflag {
	case tar.TypeReg:
		l.Mode |= unix.S_IFREG
		if l.Hash, err = r.contents.add(body); err == nil {
			r.files[name] = *l
		}
		return err
	case tar.TypeDir:
		l.Mode |= unix.S_IFDIR
		return nil
	case tar.TypeSymlink:
		return r.symlink(name, h.Linkname, l)
	case tar.TypeChar, tar.TypeBlock:
		return refused(r.label, name, "a device node")
	case tar.TypeFifo:
		return refused(r.label, name, "a fifo")
	case tar.TypeGNUSparse:
		return refused(r.label, name, "a sparse file")
	}
	return refused(r.label, name, "unknown kind of tar entry %q", h.Typeflag)
}

func (r *debReader) symlink(name, text string, l *stone.Layout) error {
	if text == "" || len(text) >= unix.PathMax || strings.ContainsAny(text, "\x00\n") {
		return refused(r.label, name, "symlink text %q is empty, too long or holds a NUL or a newline", text)
	}
	// Linux gives every symlink 0777, whatever the archive says.
	l.Mode, l.Xattrs = unix.S_IFLNK|0o777, nil
	l.Target = retarget(name, text, l.Path)
	return nil
}

// hardLink repeats an earlier file under another name. The two share their
// content by hash; that they are one inode is not kept, because in a state every
// file is read-only and may be linked to any number of others.
func (r *debReader) hardLink(name, to string) error {
	target, err := r.name(to)
	if err != nil {
		return err
	}
	l, known := r.files[target]
	if !known {
		return refused(r.label, name, "a hard link to %q, which is no file that came before it", to)
	}
	l.Path = place(name)
	r.files[name] = l
	return r.add(name, l)
}

func (r *debReader) add(name string, l stone.Layout) error {
	isDir := l.Mode&unix.S_IFMT == unix.S_IFDIR
	if !strings.Contains(name, "/") && (name == "usr" || isMerged(name)) {
		if skip, err := r.top(name, l); skip || err != nil {
			return err
		}
	}
	// A folder that was not empty where it came from is not made for its own
	// sake, even if everything in it has moved elsewhere.
	r.plan.filled[place(path.Dir(name))] = true
	if isDir && l.Path == "" {
		return nil
	}
	return r.plan.add(r.label, name, l)
}

// top judges /usr and the folders that usr-merge folds into it. A symlink from
// one to its place in /usr is the merge itself and is no part of a state.
func (r *debReader) top(name string, l stone.Layout) (skip bool, err error) {
	switch {
	case l.Mode&unix.S_IFMT == unix.S_IFDIR:
		return name == "usr", nil
	case name != "usr" && l.IsSymlink() && path.Join("/usr", l.Target) == "/usr/"+name:
		return true, nil
	}
	return false, refused(r.label, name, "not a folder")
}
