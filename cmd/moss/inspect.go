package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"moss/internal/system"
	"moss/internal/ui"
	"moss/store/pack"
	"moss/store/stone"
)

func newInspectCommand() *cobra.Command {
	var check, files bool
	cmd := &cobra.Command{
		Use:   "inspect FILE ...",
		Short: "Show what is in package files, and whether they are whole",
		Long: `Inspect shows what package files, repository indexes and build manifests say:
metadata, dependencies, payloads, and how many paths and contents there are.

` + system.ExitCodes,
		Example: "  moss inspect --check *.stone",
		Args:    ui.Arguments(cobra.MinimumNArgs(1)),
	}
	cmd.Flags().BoolVar(&check, "check", false, "read everything and prove every checksum and hash; exit code 6 for damage")
	cmd.Flags().BoolVar(&files, "files", false, "list every path")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		s := ui.Read(cmd)
		shown := []inspection{}
		var faults []error
		for _, file := range args {
			one, err := inspect(file, check, files)
			if err != nil {
				// The other files are looked at all the same: whoever checks a
				// mirror wants to hear of all the damage in it.
				faults = append(faults, err)
				continue
			}
			shown = append(shown, one)
			if !s.JSON && !s.Quiet {
				if err := one.print(s.Out); err != nil {
					return err
				}
			}
		}
		if s.JSON {
			faults = append(faults, ui.JSON(s.Out, shown))
		}
		return errors.Join(faults...)
	}
	return cmd
}

// inspection is one element of the JSON answer.
type inspection struct {
	File     string        `json:"file"`
	Type     string        `json:"type"`
	Checked  bool          `json:"checked"`
	Packages []packageInfo `json:"packages"`
	Payloads []payloadInfo `json:"payloads"`
	Counts   counts        `json:"counts"`
	Files    []fileInfo    `json:"files,omitempty"`
}

type packageInfo struct {
	Name         string   `json:"name"`
	Version      string   `json:"version"`
	Release      uint64   `json:"release"`
	BuildRelease uint64   `json:"build_release"`
	Architecture string   `json:"architecture"`
	Summary      string   `json:"summary"`
	Description  string   `json:"description"`
	Source       string   `json:"source"`
	Homepage     string   `json:"homepage"`
	Licenses     []string `json:"licenses"`
	Depends      []string `json:"depends"`
	Provides     []string `json:"provides"`
	Conflicts    []string `json:"conflicts"`
	BuildDepends []string `json:"build_depends,omitempty"`
	URI          string   `json:"uri,omitempty"`
	Hash         string   `json:"hash,omitempty"`
	Size         uint64   `json:"size,omitempty"`
}

type payloadInfo struct {
	Kind        string `json:"kind"`
	Offset      int64  `json:"offset"`
	Stored      uint64 `json:"stored_bytes"`
	Plain       uint64 `json:"plain_bytes"`
	Records     uint32 `json:"records"`
	Checksum    string `json:"checksum"`
	Compression string `json:"compression"`
}

type counts struct {
	Regular  int    `json:"files"`
	Symlinks int    `json:"symlinks"`
	Folders  int    `json:"folders"`
	Contents int    `json:"contents"`
	Bytes    uint64 `json:"content_bytes"`
}

type fileInfo struct {
	Path   string   `json:"path"`
	Mode   string   `json:"mode"` // octal st_mode
	UID    uint32   `json:"uid"`
	GID    uint32   `json:"gid"`
	Size   uint64   `json:"size"`
	Hash   string   `json:"hash,omitempty"`
	Target string   `json:"target,omitempty"`
	Xattrs []string `json:"xattrs,omitempty"` // names
	mode   uint32
}

func inspect(file string, check, files bool) (one inspection, err error) {
	r, err := stone.Open(file)
	if err != nil {
		return inspection{}, pack.Damage(file, fmt.Errorf("inspect: %w", err))
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if check {
		if err := r.Check(); err != nil {
			return inspection{}, pack.Damage(file, fmt.Errorf("check %s: %w", file, err))
		}
	}
	return describe(file, check, files, r.Package()), nil
}

func describe(file string, check, files bool, p *stone.Package) inspection {
	one := inspection{File: file, Type: p.Type.String(), Checked: check}
	for _, m := range p.Metas {
		one.Packages = append(one.Packages, describeMeta(m))
	}
	for _, h := range p.Payloads {
		one.Payloads = append(one.Payloads, describePayload(h))
	}
	one.Packages, one.Payloads = notNull(one.Packages), notNull(one.Payloads)
	sizes := map[stone.Hash]uint64{}
	for _, e := range p.Index {
		sizes[e.Hash] = e.Size()
		one.Counts.Bytes += e.Size()
	}
	one.Counts.Contents = len(p.Index)
	for _, l := range p.Layouts {
		one.Counts.add(l)
		if files {
			one.Files = append(one.Files, describeLayout(l, sizes))
		}
	}
	return one
}

func (c *counts) add(l stone.Layout) {
	switch {
	case l.IsRegular():
		c.Regular++
	case l.IsSymlink():
		c.Symlinks++
	case l.IsDir():
		c.Folders++
	}
}

func describeMeta(m stone.Meta) packageInfo {
	return packageInfo{
		Name: m.Name, Version: m.Version, Release: m.Release, BuildRelease: m.BuildRelease, Architecture: m.Arch,
		Summary: m.Summary, Description: m.Description, Source: m.SourceID, Homepage: m.Homepage,
		Licenses: notNull(m.Licenses), Depends: providers(m.Depends), Provides: providers(m.Provides),
		Conflicts: providers(m.Conflicts), BuildDepends: providers(m.BuildDepends), URI: m.URI, Hash: m.Hash, Size: m.Size,
	}
}

func providers(all []stone.Provider) []string {
	words := []string{}
	for _, p := range all {
		words = append(words, p.String())
	}
	return words
}

func describePayload(h stone.PayloadHeader) payloadInfo {
	packing := fmt.Sprintf("unknown %d", h.Compression)
	switch h.Compression {
	case stone.CompressionNone:
		packing = "none"
	case stone.CompressionZstd:
		packing = "zstd"
	}
	return payloadInfo{h.Kind.String(), h.Offset, h.Stored, h.Plain, h.Records, fmt.Sprintf("%016x", h.Checksum), packing}
}

func describeLayout(l stone.Layout, sizes map[stone.Hash]uint64) fileInfo {
	f := fileInfo{Path: l.Path, Mode: fmt.Sprintf("%06o", l.Mode), UID: l.UID, GID: l.GID, Target: l.Target, mode: l.Mode}
	if l.IsRegular() {
		f.Hash, f.Size = l.Hash.String(), sizes[l.Hash]
	}
	for _, x := range l.Xattrs {
		f.Xattrs = append(f.Xattrs, x.Name)
	}
	return f
}
