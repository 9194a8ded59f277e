package image

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"moss/store/activate"
)

// addPrograms takes the programs that were asked for, and the tool that checks the
// root's file system.
func (p *plan) addPrograms() error {
	programs := p.cfg.Programs
	check, err := p.checker()
	if err != nil {
		return err
	}
	for _, name := range append(programs, check...) {
		at := p.findProgram(name)
		if at == "" {
			return fmt.Errorf("take program %s into the image: there is none in %s; install it, or take it off the list", name, strings.Join(folders(), ", "))
		}
		if err := p.addProgram(at, at); err != nil {
			return fmt.Errorf("take program %s into the image: %w", name, err)
		}
	}
	return nil
}

func folders() []string { return []string{"/usr/bin", "/usr/sbin", "/bin", "/sbin"} }

func (p *plan) findProgram(name string) string {
	if strings.HasPrefix(name, "/") {
		return name
	}
	var paths []string
	for _, dir := range folders() {
		paths = append(paths, path.Join(dir, name))
	}
	return p.system.Find(p.cfg.Usr, paths...)
}

// addProgram puts a program with its interpreter and its libraries where they ask
// for one another; as is what the program itself will be called.
func (p *plan) addProgram(program, as string) error {
	needs, conf, folder, err := p.system.Needs(p.cfg.Usr, program)
	if cannot, ok := errors.AsType[*activate.CannotBoot](err); ok {
		return errors.New(cannot.Path + " " + cannot.Reason)
	}
	if err != nil {
		return err
	}
	for _, need := range needs {
		name := need.Name
		if name == program {
			name = as
		}
		p.addCopy(inImage(name), need.Path, 0o755)
	}
	// There is no ld.so.cache in the image: what only it would find gets a name
	// where the loader looks by itself.
	for _, name := range conf {
		p.link(path.Join(inImage(folder), path.Base(name)), "/"+inImage(name))
	}
	for _, top := range []string{"lib64", "sbin"} {
		p.link(top, "usr/"+top)
	}
	return nil
}

// inImage is where a path of the system is in the image, in which lib and its like
// are links into usr. Only the shell's bin is a folder of its own.
func inImage(name string) string {
	name = strings.TrimPrefix(path.Clean(name), "/")
	top, _, _ := strings.Cut(name, "/")
	switch top {
	case "lib", "lib64", "sbin", "bin":
		return "usr/" + name
	}
	return name
}

func (p *plan) link(name, target string) {
	for _, e := range p.entries {
		if e.name == name {
			return
		}
	}
	p.add(entry{name: name, mode: modeLink | 0o777, target: target})
}

func (p *plan) addCopy(name, source string, perm uint64) {
	p.add(entry{name: name, mode: modeFile | perm, source: source, read: func() ([]byte, error) {
		data, err := os.ReadFile(source)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", source, err)
		}
		return data, nil
	}})
}

// checker names the tool for the root's file system. Only a host image knows which
// that is; xfs and btrfs have none that runs before a mount.
func (p *plan) checker() ([]string, error) {
	tools := map[string]string{"ext2": "fsck.ext2", "ext3": "fsck.ext3", "ext4": "fsck.ext4", "f2fs": "fsck.f2fs", "vfat": "fsck.vfat"}
	var types []string
	switch {
	case p.cfg.Fsck == No || p.cfg.Fsck != Yes && (p.cfg.Mode != ModeHost || !p.fstabChecks()):
		return nil, nil
	case p.cfg.Mode == ModeHost:
		types = []string{p.machine.rootType}
	default:
		types = []string{"ext4", "f2fs", "vfat"}
	}
	var found []string
	for _, one := range types {
		if tool := tools[one]; tool != "" && p.findProgram(tool) != "" {
			found = append(found, tool)
		}
	}
	if len(found) == 0 && p.cfg.Fsck == Yes {
		return nil, fmt.Errorf("take a file system check along: the system has none for %s; install its tools, or write fsck: no", strings.Join(types, ", "))
	}
	return found, nil
}

// fstabChecks: the sixth field of the root's line is not 0 (fstab(5)).
func (p *plan) fstabChecks() bool {
	text, _ := os.ReadFile(filepath.Join(p.cfg.Root, "etc/fstab"))
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) > 5 && words[1] == "/" && !strings.HasPrefix(words[0], "#") {
			return words[5] != "0"
		}
	}
	return false
}

// addFiles takes files as they are, and folders with what is in them.
func (p *plan) addFiles() error {
	for _, name := range p.cfg.Files {
		if !path.IsAbs(name) {
			return fmt.Errorf("take file %s into the image: it is no path from /", name)
		}
		at, err := p.system.Locate(p.cfg.Usr, name)
		if err == nil {
			err = p.addFile(inImage(name), at)
		}
		if err != nil {
			return fmt.Errorf("take file %s into the image: %w", name, err)
		}
	}
	return nil
}

func (p *plan) addFile(name, source string) error {
	return filepath.WalkDir(source, func(at string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rest, err := filepath.Rel(source, at)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		to := path.Join(name, rest)
		switch {
		case info.Mode().IsRegular():
			p.addCopy(to, at, uint64(info.Mode().Perm()))
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(at)
			if err != nil {
				return err
			}
			p.link(to, target)
		case !info.IsDir():
			return fmt.Errorf("%s is neither file, folder nor link", at)
		}
		return nil
	})
}
