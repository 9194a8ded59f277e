package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"moss/initramfs/image"
	"moss/internal/system"
	"moss/internal/ui"
)

// newInitramfsCommand is "moss-boot initramfs": the early-boot image, made and
// looked into. It reads the settings that every verb has from its parents.
func newInitramfsCommand() *cobra.Command {
	return ui.Group("initramfs", "Build the early-boot image, list what one holds, or compare two",
		newInitramfsBuildCommand(), newInitramfsListCommand(), newInitramfsDiffCommand())
}

func newInitramfsBuildCommand() *cobra.Command {
	var a buildArguments
	cmd := &cobra.Command{
		Use:   "build -o FILE",
		Short: "Build the early-boot image of a kernel",
		Long: `Build makes the image that the kernel unpacks at boot: moss-init, and the modules
that reach a root file system. A generic image serves any machine (virtio, NVMe,
SATA, MMC and USB disks; ext4, xfs, btrfs, f2fs, vfat; LUKS if moss-unlock is in
the system). --host-only takes what the way to this machine's root needs, and
--only what is named, with what that depends on.

What is not given here is read from /usr/lib/moss/initramfs.yaml and the files in
/usr/lib/moss/initramfs.d, then from /etc/moss/initramfs.yaml and /etc/moss/initramfs.d:

  mode: generic             # or host, or list: only the modules named here
  modules: [dm_crypt]       # further modules; lists of several files add up
  omit: [btrfs]             # modules to leave out
  files: [/etc/root.key]    # taken as they are; the image is then root's alone
  programs: [e2fsck]        # with the libraries they need
  keymap: de                # for a passphrase at the console; needs loadkeys
  compress: zstd            # or xz, gzip, none
  level: 19                 # of zstd; gzip has 1 to 9
  firmware: auto            # of the modules that are in the image; or no
  microcode: auto           # all that the system has, in a host image this
                            # processor's; or no, or the path of a file
  luks: auto                # yes, no
  fsck: auto                # the check of the root's file system: yes, no
  rescue: no                # a shell, for moss.shell

Equal input gives equal bytes; SOURCE_DATE_EPOCH sets the time of the files
inside, which is 1970 otherwise. FILE appears whole or not at all.

A transaction builds the image of a kernel that comes without one by itself.

` + system.ExitCodes,
		Example: `  moss-boot initramfs build -o /usr/lib/kernel/6.12.4/moss.initrd --kernel 6.12.4
  moss-boot initramfs build -o small.img --only ext4,virtio_blk,virtio_pci
  moss-boot -D /mnt initramfs build -o initrd.zst --modules dm_crypt,usbhid`,
		Args: ui.Arguments(cobra.NoArgs),
	}
	flags := cmd.Flags()
	flags.StringVarP(&a.output, "output", "o", "", "write the image to this `FILE`")
	flags.StringVar(&a.kernel, "kernel", "", "kernel `VERSION`; the newest one in ROOT/usr/lib/modules by default")
	flags.StringSliceVar(&a.modules, "modules", nil, "further modules, by `NAME` or alias, separated by commas")
	flags.StringSliceVar(&a.only, "only", nil, "these modules, by `NAME`, and nothing but what they depend on")
	flags.BoolVar(&a.host, "host-only", false, "only what this machine needs to reach its root")
	flags.StringVar(&a.init, "init", "", "static `PROGRAM` for /init; ROOT/usr/lib/moss/moss-init by default")
	flags.BoolVar(&a.rescue, "rescue", false, "put a shell into the image, which moss.shell on the kernel command line starts")
	flags.StringVar(&a.busybox, "busybox", "", "static `PROGRAM` for --rescue; ROOT/usr/bin/busybox by default")
	flags.StringVar(&a.compress, "compress", "", "zstd (the default), xz or gzip (for kernels without zstd), or none")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s := ui.Read(cmd)
		cfg, err := a.config(s)
		if err != nil {
			return err
		}
		return buildInitramfs(s, a.output, cfg)
	}
	return cmd
}

// buildArguments are the flags of build.
type buildArguments struct {
	output, kernel, init, busybox, compress string
	modules, only                           []string
	host, rescue                            bool
}

// config lays the flags over what the files of the system say.
func (a buildArguments) config(s ui.Settings) (image.Config, error) {
	switch {
	case a.output == "":
		return image.Config{}, ui.Usagef("no file to write the image to: give -o FILE")
	case a.busybox != "" && !a.rescue:
		return image.Config{}, ui.Usagef("--busybox is the shell of a rescue image: give --rescue too")
	case a.host && a.only != nil:
		return image.Config{}, ui.Usagef("--host-only and --only contradict each other: give one of the two")
	}
	cfg, err := system.InitramfsConfig(s.Root, filepath.Join(s.Root, "usr"), func(line string) {
		fmt.Fprintln(s.Err, s.Warning("moss-boot: warning: "+line))
	})
	if err != nil {
		return cfg, err
	}
	cfg.Kernel, cfg.Init, cfg.Busybox = a.kernel, a.init, a.busybox
	cfg.Rescue = cfg.Rescue || a.rescue
	if a.compress != "" && a.compress != cfg.Compress {
		cfg.Compress, cfg.Level = a.compress, 0
	}
	switch {
	case a.host:
		cfg.Mode = image.ModeHost
	case a.only != nil:
		cfg.Mode, cfg.Modules = image.ModeList, a.only
	}
	cfg.Modules = slices.Concat(cfg.Modules, a.modules)
	return cfg, nil
}

// built is the JSON answer of build.
type built struct {
	File     string   `json:"file"`
	Bytes    int64    `json:"bytes"`
	Kernel   string   `json:"kernel"`
	Modules  []string `json:"modules"`
	Missing  []string `json:"missing"`
	Compress string   `json:"compress"`
	Firmware []string `json:"firmware"`
	// Microcode is the number of its bytes.
	Microcode int64 `json:"microcode"`
	LUKS      bool  `json:"luks"`
}

func buildInitramfs(s ui.Settings, output string, cfg image.Config) (err error) {
	if cfg.Time, err = sourceDate(os.Getenv("SOURCE_DATE_EPOCH")); err != nil {
		return err
	}
	report, err := image.BuildFile(output, cfg)
	var compress *image.CompressError
	switch {
	case errors.As(err, &compress):
		return &ui.UsageError{Err: err, Advice: compress.Hint()}
	case err != nil:
		return err
	case s.JSON:
		return ui.JSON(s.Out, built{
			output, report.Bytes, report.Kernel,
			append([]string{}, report.Modules...), append([]string{}, report.Missing...), report.Compress,
			append([]string{}, report.Firmware...), report.Microcode, report.LUKS,
		})
	case s.Quiet:
		return nil
	}
	line := fmt.Sprintf("%s: %s (%d bytes), %d modules of kernel %s, %s", output, ui.Bytes(report.Bytes),
		report.Bytes, len(report.Modules), report.Kernel, report.Compress)
	if report.LUKS {
		line += ", opens LUKS"
	}
	if report.Microcode > 0 {
		line += fmt.Sprintf(", %d bytes of microcode", report.Microcode)
	}
	if n := len(report.Firmware); n > 0 {
		line += fmt.Sprintf(", %d files of firmware", n)
	}
	if len(report.Missing) > 0 {
		line += "; this kernel has no " + strings.Join(report.Missing, ", ")
	}
	_, err = fmt.Fprintln(s.Out, line)
	return err
}

// sourceDate reads the variable with which builders pin time, in seconds
// (reproducible-builds.org, SOURCE_DATE_EPOCH).
func sourceDate(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	when, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, ui.Usagef("SOURCE_DATE_EPOCH %q is no number of seconds", text)
	}
	return when, nil
}

func newInitramfsListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list FILE",
		Short: "List what an early-boot image holds",
		Long: `List reads an image as the kernel does: archives one after another, the last one
perhaps compressed with gzip, xz or zstd. With --json, mode is the file's kind
and permissions in octal ("100755"), size is in bytes.

` + system.ExitCodes,
		Example: "  moss-boot initramfs list /efi/moss/initrd",
		Args:    ui.Arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return listInitramfs(ui.Read(cmd), args[0])
		},
	}
}

// listed is one element of the JSON answer of list.
type listed struct {
	Name   string `json:"name"`
	Mode   string `json:"mode"`
	Size   int64  `json:"size"`
	Target string `json:"target,omitempty"`
}

func listInitramfs(s ui.Settings, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("list image: %w", err)
	}
	defer f.Close()
	entries, err := image.List(f)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	rows, list := [][]string{}, []listed{}
	for _, e := range entries {
		mode, name := strconv.FormatUint(uint64(e.Mode), 8), e.Name
		list = append(list, listed{e.Name, mode, e.Size, e.Target})
		if e.Target != "" {
			name += " -> " + e.Target
		}
		rows = append(rows, []string{mode, strconv.FormatInt(e.Size, 10), name})
	}
	if s.JSON {
		return ui.JSON(s.Out, list)
	}
	return ui.Table(s.Out, []string{"MODE", "SIZE", "NAME"}, rows)
}
