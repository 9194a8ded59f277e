// Package policy holds what the repository promises about itself: which
// package may import which, what PID 1 never links, and how large files and
// functions get. Its tests fail on anything else. DO NOT change the tables to
// get a build through; an arrow that is missing is a design question.
package policy

// Arrows lists, for every package, the packages of this module and the outside
// modules that its code (tests aside) may import. The standard library and
// golang.org/x/sys are free for all.
func Arrows() map[string][]string {
	return map[string][]string{
		"cmd/moss": {"internal/system", "internal/ui", "internal/ui/progress", "store/activate", "store/deb", "store/fetch", "store/pack", "store/stone",
			"store/tree", "store/trigger", "github.com/spf13/cobra", "golang.org/x/term"},
		"cmd/moss-boot":   {"bootloader", "bootloader/efivar", "internal/system", "internal/ui", "initramfs/image", "store/activate", "github.com/spf13/cobra"},
		"cmd/moss-init":   {"initramfs/early"},
		"cmd/moss-unlock": {"initramfs/luks", "initramfs/luks/tpmtoken", "github.com/google/go-tpm"},

		"internal/atomicfile":    {},
		"internal/cmdline":       {},
		"internal/fault":         {},
		"internal/gpt":           {},
		"internal/gpt/gpttest":   {"internal/gpt"},
		"internal/heapsort":      {},
		"internal/jsonout":       {},
		"internal/mount":         {},
		"internal/parallel":      {},
		"internal/policy":        {},
		"internal/sysfs":         {},
		"internal/testutil":      {"internal/testutil/need", "store/stone"},
		"internal/testutil/need": {},
		"internal/ui":            {"github.com/spf13/cobra", "github.com/spf13/pflag"},
		"internal/ui/progress":   {"github.com/vbauerster/mpb", "golang.org/x/term"},
		"internal/system": {"bootloader", "bootloader/bls", "bootloader/efivar", "bootloader/esp", "bootloader/extlinux", "bootloader/sdboot", "bootloader/sign",
			"initramfs/image", "internal/atomicfile", "internal/cmdline", "internal/fault", "internal/mount",
			"internal/ui", "store", "store/activate", "store/adopt", "store/asset", "store/fetch", "store/pack", "store/repo", "store/resolve", "store/state", "store/stone", "store/tree",
			"store/trigger", "store/verify", "usrmerge", "github.com/godbus/dbus", "go.yaml.in/yaml"},

		"store": {"internal/atomicfile", "internal/fault", "internal/parallel", "store/activate", "store/asset", "store/blit",
			"store/state", "store/stone", "store/tree", "store/trigger", "store/verify"},
		"store/activate":        {"internal/atomicfile", "internal/fault", "internal/heapsort", "internal/mount"},
		"store/adopt":           {"internal/atomicfile", "internal/fault", "internal/parallel", "store/activate", "store/asset", "store/state", "store/stone", "store/tree", "store/xattr", "modernc.org/sqlite"},
		"store/asset":           {"internal/fault", "store/stone", "github.com/zeebo/xxh3"},
		"store/blit":            {"internal/fault", "internal/parallel", "store/asset", "store/stone", "store/tree"},
		"store/deb":             {"github.com/klauspost/compress", "github.com/ulikunitz/xz"},
		"store/deb/debtest":     {"github.com/klauspost/compress", "github.com/ulikunitz/xz"},
		"store/fetch":           {"internal/atomicfile", "internal/fault"},
		"store/pack":            {"internal/atomicfile", "internal/parallel", "store/deb", "store/stone", "store/tree", "store/xattr"},
		"store/adopt/adopttest": {"internal/testutil", "store/stone", "modernc.org/sqlite"},
		"store/repo":            {"internal/atomicfile", "internal/fault", "internal/parallel", "store/fetch", "store/stone", "aead.dev/minisign", "go.yaml.in/yaml"},
		"store/resolve":         {"store/stone"},
		"store/state":           {"store/activate", "store/stone", "modernc.org/sqlite"},
		"store/stone":           {"github.com/klauspost/compress", "github.com/zeebo/xxh3"},
		"store/trigger":         {"internal/atomicfile", "internal/fault", "internal/mount", "store/stone", "store/tree", "store/xattr", "go.yaml.in/yaml"},
		"store/verify":          {"internal/atomicfile", "internal/fault", "internal/parallel", "store/activate", "store/asset", "store/stone", "store/tree", "store/xattr", "github.com/zeebo/xxh3"},
		"store/xattr":           {"store/stone"},
		"store/tree":            {"internal/atomicfile", "store/stone", "github.com/zeebo/xxh3"},

		"bootloader":                   {"bootloader/bls", "bootloader/efivar", "bootloader/esp", "internal/atomicfile", "internal/fault"},
		"bootloader/bls":               {"bootloader/esp"},
		"bootloader/efivar":            {},
		"bootloader/extlinux":          {"bootloader/bls", "bootloader/esp", "internal/atomicfile", "internal/fault", "internal/mount"},
		"bootloader/sdboot":            {"bootloader/bls", "bootloader/efivar", "bootloader/esp", "internal/atomicfile", "internal/fault"},
		"bootloader/sdboot/sdboottest": {},
		"bootloader/sign":              {"bootloader/efivar", "internal/atomicfile", "internal/fault", "github.com/foxboron/go-uefi"},
		"bootloader/sign/signtest":     {"bootloader/efivar", "bootloader/sign"},
		"bootloader/esp":               {"internal/gpt", "internal/mount", "internal/sysfs"},

		"initramfs/early":         {"initramfs/kmod", "internal/atomicfile", "internal/cmdline", "internal/fault", "internal/gpt", "internal/heapsort", "internal/jsonout", "internal/mount", "internal/sysfs", "store/activate", "usrmerge"},
		"initramfs/image":         {"initramfs/kmod", "internal/atomicfile", "store/activate", "github.com/klauspost/compress", "github.com/u-root/u-root", "github.com/ulikunitz/xz"},
		"initramfs/kmod":          {},
		"initramfs/luks":          {"github.com/anatol/luks.go"},
		"initramfs/luks/tpmtoken": {"github.com/google/go-tpm"},

		"usrmerge": {"internal/atomicfile", "internal/fault", "internal/heapsort", "internal/jsonout", "internal/mount", "store/activate"},

		"qemu-tests/debian":    {"internal/atomicfile"},
		"qemu-tests/demo":      {"qemu-tests/debian", "qemu-tests/disk", "qemu-tests/vm", "qemu-tests/world"},
		"qemu-tests/disk":      {"github.com/diskfs/go-diskfs"},
		"qemu-tests/flakey":    {"internal/atomicfile"},
		"qemu-tests/probemenu": {"bootloader", "bootloader/esp"},
		"qemu-tests/probe":     {"qemu-tests/disk", "qemu-tests/vm"},
		"qemu-tests/vm":        {"internal/atomicfile"},
		"qemu-tests/world":     {"qemu-tests/debian", "qemu-tests/disk", "qemu-tests/vm", "golang.org/x/crypto"},
	}
}

// Forbidden names what must never be linked into PID 1, and why.
func Forbidden() map[string]string {
	return map[string]string{
		"database/sql":                  "PID 1 believes the trees; there is no database before the root is mounted",
		"modernc.org/":                  "no database in PID 1",
		"github.com/anatol/":            "passphrases are moss-unlock's",
		"github.com/google/":            "tokens are moss-unlock's",
		"net/http":                      "nothing is fetched in early boot",
		"github.com/klauspost/compress": "images are unpacked by the kernel, modules are stored decompressed",
		"go.yaml.in/":                   "PID 1 reads the kernel command line and two files of key=value",
		"github.com/spf13/":             "PID 1 takes no flags",
		"github.com/zeebo/":             "nothing is hashed in early boot",
		"moss/store/state":              "the database",
		"moss/bootloader":               "PID 1 learns what to boot from the command line",
	}
}

// Sizes in lines. They are a smoke alarm: split a file where a noun ends.
const (
	MaxFile     = 500
	MaxFunction = 80
	MaxMain     = 60 // main.go tells the story in one screen
)
