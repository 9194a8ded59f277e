package bls

import "runtime"

// machines lists the EFI machine names under which this machine's loader may
// have been built; 252 compares them exactly. A 64-bit PC can have 32-bit
// firmware.
func machines() []string {
	switch runtime.GOARCH {
	case "amd64":
		return []string{"x64", "ia32"}
	case "386":
		return []string{"ia32"}
	case "arm64":
		return []string{"aa64"}
	case "arm":
		return []string{"arm"}
	case "riscv64":
		return []string{"riscv64"}
	case "loong64":
		return []string{"loongarch64"}
	}
	return nil
}
