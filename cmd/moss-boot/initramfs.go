package main

import (
	"errors"
	"fmt"
	"os"
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
	cmd := &cobra.Command{
		Use:   "initramfs",
		Short: "Build the early-boot image, or list what one holds",
		Args:  ui.Arguments(cobra.NoArgs),
		RunE:  ui.NeedsVerb,
	}
	cmd.AddCommand(newInitramfsBuildCommand(), newInitramfsListCommand())
	return cmd
}

func newInitramfsBuildCommand() *cobra.Command {
	var cfg image.Config
	var output string
	cmd := &cobra.Command{
		Use:   "build -o FILE",
		Short: "Build the early-boot image of a kernel",
		Long: `Build makes the image that the kernel unpacks at boot: moss-init, and the modules
that reach a root file system on virtio, NVMe, SATA or USB disks (ext4, xfs,
btrfs, f2fs, vfat). Equal input gives equal bytes; SOURCE_DATE_EPOCH sets the
time of the files inside, which is 1970 otherwise. FILE appears whole or not at
all.

` + system.ExitCodes,
		Example: `  moss-boot initramfs build -o /usr/lib/kernel/6.12.4/moss.initrd --kernel 6.12.4
  moss-boot -D /mnt initramfs build -o initrd.zst --modules dm_crypt,usbhid`,
		Args: ui.Arguments(cobra.NoArgs),
	}
	flags := cmd.Flags()
	flags.StringVarP(&output, "output", "o", "", "write the image to this `FILE`")
	flags.StringVar(&cfg.Kernel, "kernel", "", "kernel `VERSION`; the newest one in ROOT/usr/lib/modules by default")
	flags.StringSliceVar(&cfg.Modules, "modules", nil, "further modules, by `NAME` or alias, separated by commas")
	flags.StringVar(&cfg.Init, "init", "", "static `PROGRAM` for /init; ROOT/usr/lib/moss/moss-init by default")
	flags.BoolVar(&cfg.Rescue, "rescue", false, "put a shell into the image, which moss.shell on the kernel command line starts")
	flags.StringVar(&cfg.Busybox, "busybox", "", "static `PROGRAM` for --rescue; ROOT/usr/bin/busybox by default")
	flags.StringVar(&cfg.Compress, "compress", "zstd", "zstd, xz (slower to build and to boot, for kernels without zstd) or none")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if output == "" {
			return ui.Usagef("no file to write the image to: give -o FILE")
		}
		if cfg.Busybox != "" && !cfg.Rescue {
			return ui.Usagef("--busybox is the shell of a rescue image: give --rescue too")
		}
		s := ui.Read(cmd)
		cfg.Root = s.Root
		return buildInitramfs(s, output, cfg)
	}
	return cmd
}

// built is the JSON answer of build.
type built struct {
	File     string   `json:"file"`
	Bytes    int64    `json:"bytes"`
	Kernel   string   `json:"kernel"`
	Modules  []string `json:"modules"`
	Missing  []string `json:"missing"`
	Compress string   `json:"compress"`
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
		})
	case s.Quiet:
		return nil
	}
	line := fmt.Sprintf("%s: %s (%d bytes), %d modules of kernel %s, %s", output, ui.Bytes(report.Bytes),
		report.Bytes, len(report.Modules), report.Kernel, report.Compress)
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
