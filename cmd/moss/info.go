package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"moss/internal/system"
	"moss/internal/ui"
)

func newInfoCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "info NAME|kind(name) ...",
		Short: "Show all that is known of a package",
		Long: `Info shows the build that is in the live state and the builds that repositories
have. kind(name) asks for whatever provides that: soname(libz.so.1(x86_64)),
binary(ed), pkgconfig(zlib).

` + system.ExitCodes,
		Example:           "  moss info nano 'binary(ed)'",
		Args:              ui.Arguments(cobra.MinimumNArgs(1)),
		ValidArgsFunction: completeKnown,
	}
	files := cmd.Flags().BoolP("files", "f", false, "list the files of an installed package too")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		s := ui.Read(cmd)
		all, err := system.Describe(view(cmd), args, *files)
		if err != nil {
			return err
		}
		if s.JSON {
			return ui.JSON(s.Out, all)
		}
		for i, d := range all {
			if i > 0 {
				fmt.Fprintln(s.Out)
			}
			if err := showDetail(s.Out, d); err != nil {
				return err
			}
		}
		return nil
	}
	return cmd
}

func showDetail(w io.Writer, d system.Detail) error {
	var rows [][]string
	for _, row := range [][2]string{
		{"build", d.Build() + " for " + d.Architecture}, {"summary", d.Summary}, {"installed", liveText(d)}, {"repository", d.Repository},
		{"source", d.Source}, {"homepage", d.Homepage}, {"licenses", strings.Join(d.Licenses, ", ")}, {"depends", strings.Join(d.Depends, ", ")},
		{"provides", strings.Join(d.Provides, ", ")}, {"conflicts", strings.Join(d.Conflicts, ", ")}, {"sha256", d.ID},
		{"download", sizeText(d.Download)}, {"content", sizeText(d.Content)}, {"uri", d.URI},
	} {
		if row[1] != "" {
			rows = append(rows, []string{row[0], row[1]})
		}
	}
	// All of it is shown, whatever the screen: whoever asks wants to read it.
	whole := struct{ io.Writer }{w}
	if err := ui.Table(whole, []string{"package", ui.Printable(d.Name)}, rows); err != nil {
		return err
	}
	for line := range strings.Lines(d.Description) {
		fmt.Fprintln(w, "  "+ui.Printable(strings.TrimRight(line, "\r\n")))
	}
	for _, f := range d.Files {
		fmt.Fprintln(w, ui.Printable(f.Path))
	}
	return nil
}

func sizeText(bytes int64) string {
	if bytes == 0 {
		return ""
	}
	return ui.Bytes(bytes)
}

func liveText(d system.Detail) string {
	switch {
	case d.Live && d.Explicit:
		return "yes, asked for"
	case d.Live:
		return "yes, because others need it"
	case d.Installed != "":
		return "no, but " + d.Installed + " is"
	}
	return "no"
}
