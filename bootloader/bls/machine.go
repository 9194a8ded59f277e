package bls

import (
	"os"
	"runtime"
	"strings"
)

// machine is the EFI name of this machine, under which its loader was built. A
// 64-bit PC can have 32-bit firmware, and so a 32-bit loader; the kernel tells.
func machine() string {
	switch runtime.GOARCH {
	case "amd64":
		if size, _ := os.ReadFile("/sys/firmware/efi/fw_platform_size"); strings.TrimSpace(string(size)) == "32" {
			return "ia32"
		}
		return "x64"
	case "386":
		return "ia32"
	case "arm64":
		return "aa64"
	case "loong64":
		return "loongarch64"
	}
	return runtime.GOARCH // arm and riscv64 are the same in both
}
