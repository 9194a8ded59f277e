package image

import (
	"debug/elf"
	"fmt"
	"os"
)

// readInit reads the program for /init.
func readInit(path string) ([]byte, error) {
	return readStatic("init", path, "build it with CGO_ENABLED=0")
}

// readStatic reads a program. It must be static: the image has no dynamic loader,
// and the kernel would only say "No working init found".
func readStatic(what, path, advice string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	defer f.Close()
	program, err := elf.NewFile(f)
	if err != nil {
		return nil, fmt.Errorf("read %s %s: not a program for Linux: %w", what, path, err)
	}
	for _, segment := range program.Progs {
		if segment.Type == elf.PT_INTERP {
			return nil, fmt.Errorf("%s %s is linked dynamically, and the image holds no loader for it: %s", what, path, advice)
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	return data, nil
}
