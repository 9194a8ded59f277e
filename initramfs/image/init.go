package image

import (
	"bytes"
	"debug/elf"
	"fmt"
	"os"
)

// readInit reads the program for /init.
func readInit(path string) ([]byte, error) {
	return readStatic("init", path, "build it with CGO_ENABLED=0")
}

// readStatic reads a program that must be static: the image has no dynamic loader,
// and the kernel would only say "No working init found".
func readStatic(what, path, advice string) ([]byte, error) {
	data, static, err := readProgram(what, path)
	if err == nil && !static {
		err = fmt.Errorf("%s %s is linked dynamically, and the image holds no loader for it: %s", what, path, advice)
	}
	return data, err
}

func readProgram(what, path string) (data []byte, static bool, err error) {
	if data, err = os.ReadFile(path); err != nil {
		return nil, false, fmt.Errorf("read %s: %w", what, err)
	}
	program, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return nil, false, fmt.Errorf("read %s %s: not a program for Linux: %w", what, path, err)
	}
	for _, segment := range program.Progs {
		if segment.Type == elf.PT_INTERP {
			return data, false, nil
		}
	}
	return data, true, nil
}
