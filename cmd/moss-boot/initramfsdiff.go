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

func newInitramfsDiffCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "diff A B",
		Short: "Show in what two early-boot images differ",
		Long: `Diff reads two images as the kernel does and shows the paths that are only in A
(-), only in B (+), or different in kind, permissions, link or content (~). Times
and the order of the paths do not count. With --json, what has mode, size,
target and content as far as they differ.

` + system.ExitCodes,
		Example: "  moss-boot initramfs diff old.img new.img",
		Args:    ui.Arguments(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return diffInitramfs(ui.Read(cmd), args[0], args[1])
		},
	}
}

// differing is one element of the JSON answer of diff; a and b are null in an
// image that lacks the path.
type differing struct {
	Name string   `json:"name"`
	A    *listed  `json:"a"`
	B    *listed  `json:"b"`
	What []string `json:"what"`
}

func diffInitramfs(s ui.Settings, a, b string) error {
	found, err := diffFiles(a, b)
	if err != nil {
		return err
	}
	all, rows := []differing{}, [][]string{}
	for _, d := range found {
		one := differing{Name: d.Name, A: asListed(d.A), B: asListed(d.B), What: whatDiffers(d)}
		all = append(all, one)
		mark := "~"
		switch {
		case d.A == nil:
			mark = "+"
		case d.B == nil:
			mark = "-"
		}
		rows = append(rows, []string{mark, sizes(d), d.Name, strings.Join(one.What, ", ")})
	}
	switch {
	case s.JSON:
		return ui.JSON(s.Out, all)
	case len(rows) == 0 && s.Quiet:
		return nil
	case len(rows) == 0:
		_, err = fmt.Fprintln(s.Out, "the images hold the same")
		return err
	}
	return ui.Table(s.Out, []string{"", "SIZE", "NAME", "DIFFERS IN"}, rows)
}

func diffFiles(a, b string) ([]image.Difference, error) {
	one, err := os.Open(a)
	if err != nil {
		return nil, fmt.Errorf("compare images: %w", err)
	}
	defer one.Close()
	two, err := os.Open(b)
	if err != nil {
		return nil, fmt.Errorf("compare images: %w", err)
	}
	defer two.Close()
	found, err := image.Diff(one, two)
	if err != nil {
		// Which of the two it was, a look at each tells.
		for _, path := range []string{a, b} {
			if _, bad := listFile(path); bad != nil {
				err = fmt.Errorf("%s: %w", path, bad)
				break
			}
		}
	}
	return found, err
}

func listFile(path string) ([]image.Entry, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	entries, err := image.List(f)
	return entries, errors.Join(err, f.Close())
}

func asListed(e *image.Entry) *listed {
	if e == nil {
		return nil
	}
	return &listed{e.Name, strconv.FormatUint(uint64(e.Mode), 8), e.Size, e.Target}
}

func whatDiffers(d image.Difference) []string {
	what := []string{}
	if d.A == nil || d.B == nil {
		return what
	}
	for _, w := range []struct {
		name string
		is   bool
	}{{"mode", d.A.Mode != d.B.Mode}, {"size", d.A.Size != d.B.Size && d.A.Target == d.B.Target}, {"target", d.A.Target != d.B.Target}, {"content", d.Content}} {
		if w.is {
			what = append(what, w.name)
		}
	}
	return what
}

func sizes(d image.Difference) string {
	switch {
	case d.A == nil:
		return strconv.FormatInt(d.B.Size, 10)
	case d.B == nil || d.A.Size == d.B.Size:
		return strconv.FormatInt(d.A.Size, 10)
	}
	return fmt.Sprintf("%d -> %d", d.A.Size, d.B.Size)
}
