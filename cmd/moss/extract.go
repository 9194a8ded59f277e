package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"moss/internal/system"
	"moss/internal/ui"
	"moss/store/pack"
)

func newExtractCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "extract FILE.stone ... [-o DIR]",
		Short: "Unpack stones into a folder, to look into them",
		Long: `Extract unpacks stones into DIR/usr. Several merge as in a state. Every content
is checked against its hash before it gets its name; nothing that is in DIR
already is replaced, and no symlink is followed. Owners, setuid bits and file
capabilities are kept when root does it.

` + system.ExitCodes,
		Example: "  moss extract nano-7.2-1-1-x86_64.stone -o /tmp/nano",
		Args:    ui.Arguments(cobra.MinimumNArgs(1)),
	}
	cmd.Flags().StringVarP(&out, "output", "o", ".", "unpack into `DIR`, which is made if it is not there")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		results, err := pack.Extract(cmd.Context(), args, out)
		if err != nil {
			return err
		}
		return sayExtracted(ui.Read(cmd), out, results)
	}
	return cmd
}

// extractedStone is one element of the JSON answer.
type extractedStone struct {
	File    string   `json:"file"`
	Name    string   `json:"name"`
	Version string   `json:"version"`
	Dir     string   `json:"dir"`
	Files   int      `json:"files"`
	Bytes   int64    `json:"bytes"`
	Notes   []string `json:"notes"`
}

func sayExtracted(s ui.Settings, dir string, results []pack.Extracted) error {
	all := []extractedStone{}
	for _, r := range results {
		all = append(all, extractedStone{r.File, r.Name, r.Version, dir, r.Files, r.Bytes, notNull(r.Notes)})
		if s.Quiet {
			continue
		}
		for _, note := range r.Notes {
			fmt.Fprintf(s.Err, "moss: note: %s: %s\n", printable(r.Name), note)
		}
		if !s.JSON {
			fmt.Fprintf(s.Out, "%s %s -> %s, %d files, %s\n", printable(r.Name), printable(r.Version), dir, r.Files, ui.Bytes(r.Bytes))
		}
	}
	if s.JSON {
		return ui.JSON(s.Out, all)
	}
	return nil
}
