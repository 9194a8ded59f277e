package debian

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Unpack puts packages into a folder as dpkg does, /bin, /sbin and /lib being
// folders if that is what they bring, and makes dpkg's database of them: dpkg
// lists and verifies them. Their scripts do not run; Skeleton does what is needed of
// that.
func Unpack(ctx context.Context, root string, debs []Deb) error {
	info := filepath.Join(root, "var/lib/dpkg/info")
	if err := os.MkdirAll(info, 0o755); err != nil {
		return err
	}
	var status strings.Builder
	for _, deb := range debs {
		stanza, err := deb.unpack(ctx, root, info)
		if err != nil {
			return fmt.Errorf("unpack package %s: %w", deb.Name, err)
		}
		status.WriteString(stanza)
	}
	// base-files' script turns its two empty folders into links, which Skeleton makes.
	for _, name := range []string{"var/run", "var/lock"} {
		if err := os.Remove(filepath.Join(root, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return errors.Join(
		os.WriteFile(filepath.Join(root, "var/lib/dpkg/status"), []byte(status.String()), 0o644),
		os.WriteFile(filepath.Join(info, "format"), []byte("1\n"), 0o644))
}

// unpack returns the package's part of the database's status file.
func (d Deb) unpack(ctx context.Context, root, info string) (string, error) {
	if err := exec.CommandContext(ctx, "dpkg-deb", "--extract", d.Path, root).Run(); err != nil {
		return "", err
	}
	control, err := d.tar(ctx, "--ctrl-tarfile")
	if err != nil {
		return "", err
	}
	files, err := d.tar(ctx, "--fsys-tarfile")
	if err != nil {
		return "", err
	}
	first, rest, _ := strings.Cut(string(control["control"]), "\n")
	name := d.Name
	if strings.Contains(rest, "\nMulti-Arch: same\n") {
		name += ":" + d.Arch
	}
	list := "/.\n"
	for _, file := range slices.Sorted(maps.Keys(files)) {
		if file != "." {
			list += "/" + file + "\n"
		}
	}
	return first + "\nStatus: install ok installed\n" + rest + "\n", errors.Join(
		os.WriteFile(filepath.Join(info, name+".list"), []byte(list), 0o644),
		os.WriteFile(filepath.Join(info, name+".md5sums"), control["md5sums"], 0o644))
}

// members are those of a tar archive, by their clean names; with their content in
// that of the control files.
type members map[string][]byte

func (d Deb) tar(ctx context.Context, part string) (members, error) {
	cmd := exec.CommandContext(ctx, "dpkg-deb", part, d.Path)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, err
	}
	all := members{}
	for archive := tar.NewReader(out); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, errors.Join(err, cmd.Wait())
		}
		var text []byte
		if part == "--ctrl-tarfile" {
			if text, err = io.ReadAll(archive); err != nil {
				return nil, errors.Join(err, cmd.Wait())
			}
		}
		all[path.Clean(header.Name)] = text
	}
	_, err = io.Copy(io.Discard, out) // what pads the archive
	return all, errors.Join(err, cmd.Wait())
}
