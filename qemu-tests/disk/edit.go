package disk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// EditRoot runs commands of debugfs(8) that change the root file system of a raw
// image while no machine runs on it: how a test breaks one file on a disk that
// took long to build.
func (d *Disk) EditRoot(ctx context.Context, commands ...string) error {
	if err := d.rawOnly(); err != nil {
		return err
	}
	for _, command := range commands {
		_, said, err := output(ctx, "debugfs", "-w", "-R", command, d.rootImage())
		if _, complaint, _ := strings.Cut(said, "\n"); err == nil && complaint != "" {
			err = errors.New(complaint)
		}
		if err != nil {
			return fmt.Errorf("edit root of %s: %s: %w", d.Path, command, err)
		}
	}
	return nil
}

// RemoveRoot removes one file from the root file system of a raw image.
func (d *Disk) RemoveRoot(ctx context.Context, name string) error {
	return d.EditRoot(ctx, "rm "+quote(name))
}

// RenameRoot renames a file or folder of the root file system of a raw image
// within its folder.
func (d *Disk) RenameRoot(ctx context.Context, from, to string) error {
	if path.Dir(from) != path.Dir(to) {
		return fmt.Errorf("rename %s to %s: not the same folder", from, to)
	}
	return d.EditRoot(ctx, "ln "+quote(from)+" "+quote(to), "unlink "+quote(from))
}

// WriteESP puts one file on the ESP of a raw image, in a folder that is there,
// replacing a file of that name.
func (d *Disk) WriteESP(ctx context.Context, name string, data []byte) error {
	if err := d.rawOnly(); err != nil {
		return err
	}
	tmp, err := os.CreateTemp("", "disk-esp-")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(data)
	if err := errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	return run(ctx, "mcopy", "-o", "-Q", "-i", d.image(d.ESP), tmp.Name(), "::"+name)
}

// WithFiles copies the image of a FAT file system to path and puts files into it,
// in folders that are made where they are missing.
func WithFiles(ctx context.Context, image, path string, files map[string][]byte) error {
	if err := Copy(ctx, image, path); err != nil {
		return err
	}
	tree, err := os.MkdirTemp("", "disk-files-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tree)
	for name, data := range files {
		file := filepath.Join(tree, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, data, 0o644); err != nil {
			return err
		}
	}
	return fill(ctx, path, tree)
}

// fill copies what is in a folder into a FAT image, replacing files of that name.
func fill(ctx context.Context, image, tree string) error {
	names, err := os.ReadDir(tree)
	if err != nil || len(names) == 0 {
		return err
	}
	args := []string{"-s", "-m", "-Q", "-o", "-i", image}
	for _, name := range names {
		args = append(args, filepath.Join(tree, name.Name()))
	}
	return run(ctx, "mcopy", append(args, "::/")...)
}

// RemoveESP removes one file from the ESP of a raw image.
func (d *Disk) RemoveESP(ctx context.Context, name string) error {
	if err := d.rawOnly(); err != nil {
		return err
	}
	return run(ctx, "mdel", "-i", d.image(d.ESP), "::"+name)
}

// rawOnly: the tools know no qcow2 and would write into its tables.
func (d *Disk) rawOnly() error {
	format, err := imageFormat(d.Path)
	if err == nil && format != "raw" {
		err = fmt.Errorf("edit disk %s: it is %s, only raw images can be changed from outside", d.Path, format)
	}
	return err
}
