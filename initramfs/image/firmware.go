package image

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
)

// addFirmware takes the firmware that a module names and the system has. What is
// not there is no error: a module names the firmware of every device that it can
// drive. It goes in without compression of its own, which not every kernel knows
// (CONFIG_FW_LOADER_COMPRESS), and which would make the image larger.
func (p *plan) addFirmware(module string, seen map[string]bool) error {
	data, err := readModule(module)
	if err != nil {
		return err
	}
	for _, name := range modinfo(data, "firmware") {
		if seen[name] || !filepath.IsLocal(name) {
			continue
		}
		seen[name] = true
		source, err := p.findFirmware(name)
		if err != nil {
			return err
		}
		if source == "" {
			continue
		}
		p.report.Firmware = append(p.report.Firmware, name)
		p.add(entry{name: path.Join("usr/lib/firmware", name), mode: modeFile | 0o644, source: source, read: func() ([]byte, error) {
			text, err := readDecompressed(source)
			if err != nil {
				return nil, fmt.Errorf("read firmware %s: %w", source, err)
			}
			return text, nil
		}})
	}
	return nil
}

// findFirmware looks where the kernel does (drivers/base/firmware_loader), "" if
// the system has none of that name.
func (p *plan) findFirmware(name string) (string, error) {
	for _, dir := range []string{"updates/" + p.report.Kernel, "updates", p.report.Kernel, ""} {
		for _, suffix := range []string{"", ".zst", ".xz"} {
			file, err := p.system.Locate(p.cfg.Usr, path.Join("/usr/lib/firmware", dir, name)+suffix)
			if err == nil {
				return file, nil
			}
			if !errors.Is(err, fs.ErrNotExist) {
				return "", fmt.Errorf("find firmware %s: %w", name, err)
			}
		}
	}
	return "", nil
}

// modinfo gives the values of a key in a module's .modinfo section: texts
// "key=value", each with a NUL at its end (include/linux/moduleparam.h).
func modinfo(module []byte, key string) []string {
	file, err := elf.NewFile(bytes.NewReader(module))
	if err != nil {
		return nil
	}
	section := file.Section(".modinfo")
	if section == nil {
		return nil
	}
	data, err := section.Data()
	if err != nil {
		return nil
	}
	var values []string
	for _, text := range strings.Split(string(data), "\x00") {
		if value, ok := strings.CutPrefix(text, key+"="); ok {
			values = append(values, value)
		}
	}
	return values
}
