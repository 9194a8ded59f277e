package ui_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"moss/internal/ui"
)

func table(t testing.TB, w io.Writer, header []string, rows ...[]string) {
	t.Helper()
	if err := ui.Table(w, header, rows); err != nil {
		t.Fatal(err)
	}
}

func TestTable(t *testing.T) {
	var out bytes.Buffer
	table(t, &out, []string{"A", "LONG"}, []string{"1", "2"}, []string{"333", "4"})
	if want := "A    LONG\n1    2\n333  4\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
	out.Reset()
	table(t, &out, []string{"A", "B"})
	if out.Len() != 0 {
		t.Errorf("no rows: got %q, want nothing", out.String())
	}
	table(t, &out, []string{"A", "B", "C"}, []string{"é", "", ""}, []string{"ab", "", "x"})
	if want := "A   B  C\né\nab     x\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

// TestTableFitsTheScreen: no row is wider, names stay whole as long as the
// summary can give way, and nothing is cut where no screen is.
func TestTableFitsTheScreen(t *testing.T) {
	header := []string{"NAME", "VERSION", "SUMMARY"}
	row := []string{"linux-firmware", "20261101", strings.Repeat("wörter ", 40)}
	for _, width := range []int{40, 60, 80, 200} {
		var out bytes.Buffer
		table(t, ui.Screen{Writer: &out, Width: width}, header, row)
		lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
		for _, line := range lines {
			if n := utf8.RuneCountInString(line); n > width {
				t.Errorf("width %d: got a line of %d: %q", width, n, line)
			}
		}
		if !strings.HasPrefix(lines[1], "linux-firmware  20261101  wörter") || !strings.HasSuffix(lines[1], "…") {
			t.Errorf("width %d: got %q, want name and version whole and the summary cut", width, lines[1])
		}
	}
	var out bytes.Buffer
	table(t, &out, header, row)
	if strings.Contains(out.String(), "…") {
		t.Errorf("got %q, want all of it in a pipe", out.String())
	}
}

// TestTableLeavesOutEmptyColumns: on a narrow screen a heading with nothing under
// it is the first to go; in a pipe it stays, for scripts count columns.
func TestTableLeavesOutEmptyColumns(t *testing.T) {
	header, row := []string{"STATE", "PINNED", "FAILED", "SUMMARY"}, []string{"1", "", "*", "install nano"}
	for width, want := range map[int]string{
		27: "STATE  FAILED  SUMMARY\n1      *       install nano\n",
		40: "STATE  PINNED  FAILED  SUMMARY\n1              *       install nano\n",
		0:  "STATE  PINNED  FAILED  SUMMARY\n1              *       install nano\n",
	} {
		var out bytes.Buffer
		table(t, ui.Screen{Writer: &out, Width: width}, header, row)
		if out.String() != want {
			t.Errorf("width %d: got %q, want %q", width, out.String(), want)
		}
	}
}

func TestTableNarrowerThanItsHeadings(t *testing.T) {
	var out bytes.Buffer
	table(t, ui.Screen{Writer: &out, Width: 10}, []string{"A HEADING", "ANOTHER"}, []string{strings.Repeat("x", 1<<20), "yyyyyyyyyyyyy"})
	if want := "A HEADING  ANOTHER\nxxxxxxxx…  yyyyyyy…\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestTableColors(t *testing.T) {
	var out bytes.Buffer
	table(t, ui.Screen{Writer: &out, Color: true}, []string{"A", "B"}, []string{ui.Mark(true), "x"})
	if want := "\x1b[1mA\x1b[0m  \x1b[1mB\x1b[0m\n\x1b[1;32m*\x1b[0m  x\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

// TestTableShowsNothingHostile: a package's text must not move the cursor, clear
// the screen or turn the reading direction.
func TestTableShowsNothingHostile(t *testing.T) {
	var out bytes.Buffer
	rows := [][]string{{"evil\x1b[2J\r\nname\t", "a\u202eb\xff\u200bé"}}
	if err := ui.Table(&out, []string{"A", "B"}, rows); err != nil {
		t.Fatal(err)
	}
	if want := "evil?[2J??name?  a?b??é"; !strings.Contains(out.String(), want) {
		t.Errorf("got %q, want %q in it", out.String(), want)
	}
	if rows[0][0] != "evil\x1b[2J\r\nname\t" {
		t.Errorf("the caller's cell became %q", rows[0][0])
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, fmt.Errorf("disk full") }

func TestTableReportsAFullDisk(t *testing.T) {
	if err := ui.Table(full{}, []string{"A"}, [][]string{{"x"}}); err == nil {
		t.Error("got no error")
	}
}

func BenchmarkTable(b *testing.B) {
	rows := make([][]string, 100_000)
	for i := range rows {
		rows[i] = []string{fmt.Sprintf("package-%d", i), "1.2.3", "what this package is good for, in a sentence"}
	}
	for b.Loop() {
		table(b, io.Discard, []string{"NAME", "VERSION", "SUMMARY"}, rows...)
	}
}
