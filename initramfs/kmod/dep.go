package kmod

import (
	"fmt"
	"path/filepath"
	"strings"
)

// file is one loadable module: where it is and what it needs.
type file struct {
	path string   // below the module folder
	deps []string // canonical names, as modules.dep lists them: last one first to load
}

// parseDep reads modules.dep, "PATH: PATH PATH …" a line. A path that leaves
// the folder is an error: depmod writes none, and the image builder would copy
// what it points at.
func parseDep(text string) (map[string]file, error) {
	files := map[string]file{}
	number := 0
	for line := range strings.Lines(text) {
		number++
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		name, f, err := parseDepLine(line)
		if err != nil {
			return nil, fmt.Errorf("modules.dep:%d: %w", number, err)
		}
		files[name] = f
	}
	return files, nil
}

func parseDepLine(line string) (string, file, error) {
	head, rest, ok := strings.Cut(line, ":")
	name := fileName(head)
	if !ok || name == "" || len(strings.Fields(head)) != 1 {
		return "", file{}, fmt.Errorf("%q is not a module with its dependencies", head)
	}
	if !filepath.IsLocal(head) {
		return "", file{}, fmt.Errorf("path %q leaves the module folder", head)
	}
	f := file{path: head}
	for _, dep := range strings.Fields(rest) {
		depName := fileName(dep)
		if depName == "" {
			return "", file{}, fmt.Errorf("dependency %q of %s is not a module", dep, name)
		}
		f.deps = append(f.deps, depName)
	}
	return name, f, nil
}

// parseBuiltin reads modules.builtin, one path a line: name to path.
func parseBuiltin(text string) map[string]string {
	builtin := map[string]string{}
	for line := range strings.Lines(text) {
		path := strings.TrimSpace(line)
		if name := fileName(path); name != "" {
			builtin[name] = path
		}
	}
	return builtin
}
