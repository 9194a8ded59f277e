package activate

import (
	"bytes"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
)

// folder is a library folder that exists, with the names below glibc-hwcaps in
// it (glibc 2.33 and later): variants for better processors, of which the
// dynamic loader takes the best that this one can run.
type folder struct {
	place
	variants []place
}

// maxVariants bounds the variants; x86-64 defines three.
const maxVariants = 16

// searchOrder lists the folders in which the dynamic loader looks for what by
// needs (ld.so(8), glibc elf/dl-load.c). The environment has no part in it:
// nobody sets LD_LIBRARY_PATH for PID 1.
func (c *checker) searchOrder(by *object) []string {
	var dirs []string
	if by.img.runpath == "" {
		for l := by; l != nil; l = l.loader {
			if l.img.runpath == "" {
				dirs = append(dirs, expandList(l.img.rpath, l.path)...)
			}
		}
	}
	dirs = append(dirs, expandList(by.img.runpath, by.path)...)
	dirs = append(dirs, c.conf...)
	if by.img.noDefault {
		return dirs
	}
	return append(dirs, c.builtIn...)
}

// maxLoader bounds how much of a dynamic loader is read; glibc's has 240 KiB.
const maxLoader = 4 << 20

// builtIn lists the folders that are compiled into a dynamic loader: each
// distribution has its own, and a library in a folder that only another one's
// loader knows is not found. glibc keeps them as text, each with a slash at its
// end (elf/dl-load.c, system_dirs); for a loader without such texts all that
// are in use count.
func builtIn(loader []byte) []string {
	all := []string{"/lib64", "/usr/lib64", "/lib", "/usr/lib"}
	if t := triplet(); t != "" {
		all = append([]string{"/lib/" + t, "/usr/lib/" + t}, all...)
	}
	count := func(dir string) int { return bytes.Count(loader, []byte(dir+"/\x00")) }
	known := slices.DeleteFunc(slices.Clone(all), func(dir string) bool {
		return count(dir) == count("/usr"+dir) // only the end of another's name
	})
	if len(known) == 0 {
		return all
	}
	return known
}

func triplet() string {
	names := map[string]string{
		"amd64": "x86_64", "arm64": "aarch64", "riscv64": "riscv64", "loong64": "loongarch64",
		"ppc64le": "powerpc64le", "ppc64": "powerpc64", "s390x": "s390x",
	}
	if name := names[runtime.GOARCH]; name != "" {
		return name + "-linux-gnu"
	}
	return ""
}

// expandList expands a colon-separated run path. Empty elements, which would
// mean the working directory, are left out.
func expandList(list, owner string) []string {
	var dirs []string
	for _, dir := range strings.Split(list, ":") {
		if dir != "" {
			dirs = append(dirs, expand(dir, owner)...)
		}
	}
	return dirs
}

// expand replaces the tokens of ld.so(8). What $LIB stands for is fixed when a
// loader is built, so all that are in use are tried.
func expand(text, owner string) []string {
	if !strings.Contains(text, "$") {
		return []string{text}
	}
	platform := strings.TrimSuffix(triplet(), "-linux-gnu")
	var texts []string
	for _, lib := range []string{"lib/" + triplet(), "lib64", "lib"} {
		one := token(token(text, "LIB", lib), "PLATFORM", platform)
		// Last: a folder may have a name that looks like a token.
		texts = append(texts, token(one, "ORIGIN", path.Dir(owner)))
	}
	return texts
}

func token(text, name, value string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, "${"+name+"}", value), "$"+name, value)
}

// inFolder looks for a library in one folder and in its variants. The variants
// are checked as well as the plain file because which one is taken depends on
// the processor; they never stand in for it.
func (c *checker) inFolder(dir, name string, by *object) ([]*object, error) {
	f := c.folder(dir)
	if f == nil {
		return nil, nil
	}
	found, err := c.library(f.place, name, path.Join("/", dir, name), by)
	if err != nil || found == nil {
		return nil, err
	}
	for _, variant := range f.variants {
		better, err := c.library(variant, name, path.Join(variant.String(), name), by)
		if err != nil {
			return nil, err
		}
		found = append(found, better...)
	}
	return found, nil
}

// folder resolves a library folder once; nil when there is none.
func (c *checker) folder(dir string) *folder {
	if f, ok := c.folders[dir]; ok {
		return f
	}
	c.folders[dir] = nil
	p, err := c.view.walk(dir)
	if err != nil || p.info == nil || !p.info.IsDir() {
		return nil
	}
	c.folders[dir] = &folder{place: p, variants: c.variants(p)}
	return c.folders[dir]
}

func (c *checker) variants(dir place) []place {
	p, err := c.view.from(dir, "glibc-hwcaps")
	if err != nil || !p.info.IsDir() {
		return nil
	}
	f, err := os.Open(c.view.real(p.names))
	if err != nil {
		return nil
	}
	defer f.Close()
	names, _ := f.Readdirnames(maxVariants)
	var variants []place
	for _, name := range names {
		if v, err := c.view.from(p, name); err == nil && v.info.IsDir() {
			variants = append(variants, v)
		}
	}
	return variants
}
