package main

import (
	"fmt"
	"io"
	"strings"

	"golang.org/x/sys/unix"

	"moss/internal/ui"
)

// print shows one file to a person. All texts come from the file, which may be
// anybody's: see printable.
func (one inspection) print(w io.Writer) error {
	checked := ""
	if one.Checked {
		checked = ", everything in it was checked"
	}
	fmt.Fprintf(w, "%s: %s%s\n", printable(one.File), one.Type, checked)
	for _, p := range one.Packages {
		if err := p.print(w); err != nil {
			return err
		}
	}
	var rows [][]string
	for _, p := range one.Payloads {
		rows = append(rows, []string{"  " + p.Kind, fmt.Sprintf("%#x", p.Offset), fmt.Sprint(p.Stored), fmt.Sprint(p.Plain),
			fmt.Sprint(p.Records), p.Checksum, p.Compression})
	}
	if err := ui.Table(w, []string{"  PAYLOAD", "OFFSET", "STORED", "PLAIN", "RECORDS", "CHECKSUM", "COMPRESSION"}, rows); err != nil {
		return err
	}
	c := one.Counts
	fmt.Fprintf(w, "  %d files, %d symlinks, %d folders of their own; %d contents, %s\n",
		c.Regular, c.Symlinks, c.Folders, c.Contents, ui.Bytes(int64(c.Bytes)))
	return printFiles(w, one.Files)
}

func (p packageInfo) print(w io.Writer) error {
	var rows [][]string
	for _, row := range [][2]string{
		{"summary", p.Summary}, {"source", p.Source}, {"homepage", p.Homepage}, {"licenses", strings.Join(p.Licenses, ", ")},
		{"depends", strings.Join(p.Depends, ", ")}, {"provides", strings.Join(p.Provides, ", ")},
		{"conflicts", strings.Join(p.Conflicts, ", ")}, {"build depends", strings.Join(p.BuildDepends, ", ")},
		{"uri", p.URI}, {"sha256", p.Hash},
	} {
		if row[1] != "" {
			rows = append(rows, []string{"  " + row[0], printable(row[1])})
		}
	}
	rows = append(rows, []string{"  release", fmt.Sprintf("%d, build %d, for %s", p.Release, p.BuildRelease, printable(p.Architecture))})
	if err := ui.Table(w, []string{"  package", printable(p.Name + " " + p.Version)}, rows); err != nil {
		return err
	}
	for line := range strings.SplitSeq(p.Description, "\n") {
		fmt.Fprintln(w, "    "+printable(line))
	}
	return nil
}

func printFiles(w io.Writer, files []fileInfo) error {
	var rows [][]string
	for _, f := range files {
		name := printable(f.Path)
		if f.Target != "" {
			name += " -> " + printable(f.Target)
		}
		if len(f.Xattrs) > 0 {
			name += " (" + printable(strings.Join(f.Xattrs, ", ")) + ")"
		}
		rows = append(rows, []string{"  " + modeText(f.mode), fmt.Sprintf("%d:%d", f.UID, f.GID), fmt.Sprint(f.Size), name})
	}
	return ui.Table(w, []string{"  MODE", "OWNER", "SIZE", "PATH"}, rows)
}

// modeText is the first column of ls -l.
func modeText(mode uint32) string {
	kinds := map[uint32]byte{unix.S_IFREG: '-', unix.S_IFDIR: 'd', unix.S_IFLNK: 'l', unix.S_IFCHR: 'c', unix.S_IFBLK: 'b', unix.S_IFIFO: 'p', unix.S_IFSOCK: 's'}
	text := []byte("?rwxrwxrwx")
	if kind, ok := kinds[mode&unix.S_IFMT]; ok {
		text[0] = kind
	}
	for i := range 9 {
		if mode&(1<<(8-i)) == 0 {
			text[i+1] = '-'
		}
	}
	for i, special := range []struct {
		bit  uint32
		with byte
	}{{unix.S_ISUID, 's'}, {unix.S_ISGID, 's'}, {unix.S_ISVTX, 't'}} {
		at := 3 * (i + 1)
		if mode&special.bit == 0 {
			continue
		}
		if text[at] == '-' {
			special.with -= 'a' - 'A' // without x it is a capital, as ls shows it
		}
		text[at] = special.with
	}
	return string(text)
}

// printable is ui.Printable, which all that comes out of a file goes through.
func printable(s string) string { return ui.Printable(s) }
