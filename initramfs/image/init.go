package image

import (
	"debug/elf"
	"fmt"
	"os"
)

// readInit reads the program for /init. It must be static: the image has no
// dynamic loader, and the kernel would only say "No working init found".
func readInit(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read init: %w", err)
	}
	defer f.Close()
	program, err := elf.NewFile(f)
	if err != nil {
		return nil, fmt.Errorf("read init %s: not a program for Linux: %w", path, err)
	}
	for _, segment := range program.Progs {
		if segment.Type == elf.PT_INTERP {
			return nil, fmt.Errorf("init %s is linked dynamically, and the image holds no loader for it: build it with CGO_ENABLED=0", path)
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read init: %w", err)
	}
	return data, nil
}
