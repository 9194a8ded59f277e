package sign

import "fmt"

// Arch is the EFI name of the machine that an image is for, as in the names of
// systemd's stubs and loaders; ErrFormat for what is no image or for a machine
// that has none.
func Arch(path string) (string, error) {
	p, err := openPE(path)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	defer p.file.Close()
	names := map[uint16]string{0x14c: "ia32", 0x8664: "x64", 0x1c0: "arm", 0x1c2: "arm", 0x1c4: "arm", 0xaa64: "aa64",
		0x5064: "riscv64", 0x6232: "loongarch32", 0x6264: "loongarch64"}
	machine := p.im.u16(p.im.opt - coffSize + 4)
	if names[machine] == "" {
		return "", fmt.Errorf("read %s: %w", path, badf("machine %#x", machine))
	}
	return names[machine], nil
}
