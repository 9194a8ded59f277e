package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"moss/internal/system"
	"moss/internal/ui"
	"moss/store/pack"
	"moss/store/stone"
)

// packOptions are the words of a pack command line.
type packOptions struct {
	pack.Options
	out                          string
	meta                         stone.Meta
	depends, provides, conflicts []string
}

func newPackCommand() *cobra.Command {
	var opt packOptions
	cmd := &cobra.Command{
		Use:   "pack (FILE.deb ... | DIR --name NAME --version VERSION) [-o DIR]",
		Short: "Make stones of Debian packages or of a folder",
		Long: `Pack makes a stone of each Debian package, or one of a folder that holds usr and
nothing else.

Paths of a Debian package are moved below /usr: /bin and /lib to their place in
it, the kernel to /usr/lib/kernel/VERSION, what belongs outside (/etc, /var) to
/usr/share/factory. Maintainer scripts are not run; file capabilities that
postinst sets by setcap are kept, and a kernel's modules are indexed by depmod.
Packages of one call are a set: of alternative dependencies the one in the set
is taken. The same input gives the same bytes.

` + system.ExitCodes,
		Example: `  moss pack nano_7.2-1_amd64.deb libc6_2.36-9_amd64.deb -o stones
  moss pack ./image --name motd --version 1 --summary 'a greeting' --owner-root`,
		Args: ui.Arguments(cobra.MinimumNArgs(1)),
	}
	opt.addFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return opt.run(cmd, args) }
	return cmd
}

func (o *packOptions) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&o.out, "output", "o", ".", "put the stones into `DIR`, which is made if it is not there")
	f.IntVar(&o.Level, "level", 0, "zstd `LEVEL` from 1 (fast) to 22 (small); 0 is the default level")
	f.StringVar(&o.Arch, "arch", "", "`ARCH` of a folder and of packages for all; "+pack.DefaultArch+" if not given")
	f.StringArrayVar(&o.Licenses, "license", nil, "SPDX `LICENSE`; may be repeated")
	f.StringArrayVar(&o.WithoutDeps, "without-dep", nil, "leave out the dependency `NAME` of Debian packages; may be repeated")
	f.StringVar(&o.meta.Name, "name", "", "`NAME` of a folder's package")
	f.StringVar(&o.meta.Version, "version", "", "`VERSION` of a folder's package")
	f.Uint64Var(&o.meta.Release, "release", 1, "release `NUMBER` of a folder's package")
	f.StringVar(&o.meta.Summary, "summary", "", "one line about a folder's package")
	f.StringVar(&o.meta.Description, "description", "", "more about a folder's package")
	f.StringVar(&o.meta.Homepage, "homepage", "", "`URL` of a folder's package")
	f.StringArrayVar(&o.depends, "depends", nil, "a folder's package needs `NAME` or kind(name); may be repeated")
	f.StringArrayVar(&o.provides, "provides", nil, "a folder's package has `NAME` or kind(name); may be repeated")
	f.StringArrayVar(&o.conflicts, "conflicts", nil, "a folder's package refuses `NAME` or kind(name); may be repeated")
	f.BoolVar(&o.OwnerRoot, "owner-root", false, "a folder's files belong to root, whoever owns them on disk")
}

// folderOnly are the flags that mean nothing for Debian packages, which say it
// all themselves.
func folderOnly() []string {
	return []string{"name", "version", "release", "summary", "description", "homepage", "depends", "provides", "conflicts", "owner-root"}
}

func (o *packOptions) run(cmd *cobra.Command, args []string) error {
	if o.Level < 0 || o.Level > 22 {
		return ui.Usagef("--level %d: want 0 to 22", o.Level)
	}
	folders := 0
	for _, arg := range args {
		info, err := os.Stat(arg)
		if err != nil {
			return err
		}
		if info.IsDir() {
			folders++
		}
	}
	if folders > 0 && len(args) > 1 {
		return ui.Usagef("a folder is packed alone; %d arguments were given", len(args))
	}
	s := ui.Read(cmd)
	if folders == 1 {
		return o.folder(cmd, s, args[0])
	}
	for _, name := range folderOnly() {
		if cmd.Flags().Changed(name) {
			return ui.Usagef("--%s is for a folder; Debian packages say it themselves", name)
		}
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	results, err := pack.Debs(cmd.Context(), args, o.out, o.Options, func(r pack.Result) { sayPacked(s, r) })
	if err != nil {
		return err
	}
	return packedJSON(s, results)
}

func (o *packOptions) folder(cmd *cobra.Command, s ui.Settings, dir string) error {
	if o.meta.Name == "" || o.meta.Version == "" {
		return ui.Usagef("a folder needs --name and --version")
	}
	if len(o.WithoutDeps) > 0 {
		return ui.Usagef("--without-dep is for Debian packages; leave out the --depends")
	}
	o.meta.Arch = o.Arch
	o.meta.SourceID = o.meta.Name
	for _, list := range []struct {
		words []string
		into  *[]stone.Provider
	}{{o.depends, &o.meta.Depends}, {o.provides, &o.meta.Provides}, {o.conflicts, &o.meta.Conflicts}} {
		for _, word := range list.words {
			p, err := stone.ParseProvider(word)
			if err != nil {
				return &ui.UsageError{Err: err}
			}
			*list.into = append(*list.into, p)
		}
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	r, err := pack.Dir(cmd.Context(), dir, o.out, o.meta, o.Options)
	if err != nil {
		return err
	}
	sayPacked(s, r)
	return packedJSON(s, []pack.Result{r})
}

func sayPacked(s ui.Settings, r pack.Result) {
	if !s.Quiet {
		for _, note := range r.Notes {
			fmt.Fprintf(s.Err, "moss: note: %s: %s\n", r.Name, printable(note))
		}
	}
	if !s.Quiet && !s.JSON {
		fmt.Fprintf(s.Out, "%s %s -> %s, %d files, %s in, %s out\n",
			r.Name, r.Version, r.Stone, r.Files, ui.Bytes(r.InputBytes), ui.Bytes(r.StoneBytes))
	}
}

// packedStone is one element of the JSON answer.
type packedStone struct {
	File         string   `json:"file"`
	Name         string   `json:"name"`
	Version      string   `json:"version"`
	Files        int      `json:"files"`
	InputBytes   int64    `json:"input_bytes"`
	ContentBytes int64    `json:"content_bytes"`
	StoneBytes   int64    `json:"stone_bytes"`
	Notes        []string `json:"notes"`
}

func packedJSON(s ui.Settings, results []pack.Result) error {
	if !s.JSON {
		return nil
	}
	all := []packedStone{}
	for _, r := range results {
		all = append(all, packedStone{r.Stone, r.Name, r.Version, r.Files, r.InputBytes, r.ContentBytes, r.StoneBytes, notNull(r.Notes)})
	}
	return ui.JSON(s.Out, all)
}

// notNull makes an absent list an empty one in JSON.
func notNull[T any](all []T) []T {
	if all == nil {
		return []T{}
	}
	return all
}
