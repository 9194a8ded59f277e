package system

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSelectionSurvivesItsFile(t *testing.T) {
	want := Selection{Version: 1, State: 3, Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Summary: "install a: b # c", Packages: []SelectedPackage{
		{Name: "a", Explicit: true, Version: "1.0", Release: 7, ID: strings.Repeat("a", 64), Repository: "main"}, {Name: "no", Version: "2"}}}
	path := filepath.Join(t.TempDir(), "selection.yaml")
	if err := want.Save(path); err != nil {
		t.Fatal(err)
	}
	got, err := ReadSelection(path)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v, differs (-want +got):\n%s", err, diff)
	}
	if diff := cmp.Diff([]string{"a"}, got.Explicit()); diff != "" {
		t.Error(diff)
	}
	if ids := got.IDs(); len(ids) != 1 || !ids[strings.Repeat("a", 64)] {
		t.Errorf("got %v, want the one id", ids)
	}
}

func TestHandWrittenSelection(t *testing.T) {
	s, err := parseSelection([]byte("moss-selection: 1\npackages:\n- name: nano\n- name: vim\n"))
	if diff := cmp.Diff([]string{"nano", "vim"}, s.Explicit()); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

func TestWrongSelectionIsRefused(t *testing.T) {
	for _, text := range []string{
		"", "moss-selection: 1", "moss-selection: 2\npackages: [{name: a}]", "packages: [{name: a}]", "moss-selection: 1\npackages: [{nmae: a}]",
		"moss-selection: 1\npackages: [{name: a}, {name: a}]", "moss-selection: 1\npackages: [{version: a}]",
		"moss-selection: 1\npackages: [{name: a, id: ../../etc}]", "moss-selection: 1\npackages: [{name: a}]\nmore: 1", "[", "- a", "moss-selection: 1\npackages: [{name: a}]\n---\nx: 1",
	} {
		path := filepath.Join(t.TempDir(), "s.yaml")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if got, err := ReadSelection(path); ExitCode(err) != exitRefused {
			t.Errorf("%q: got %+v, %v, want it refused", text, got, err)
		}
	}
}

func FuzzParseSelection(f *testing.F) {
	f.Add([]byte("moss-selection: 1\npackages:\n- name: nano\n  explicit: true\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := parseSelection(data)
		if err != nil {
			return
		}
		text, err := s.YAML()
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseSelection(text)
		if err != nil {
			t.Fatalf("its own text is refused: %v\n%s", err, text)
		}
		if more, err := again.YAML(); err != nil || !bytes.Equal(text, more) {
			t.Errorf("%v: got another text:\n%s\n%s", err, text, more)
		}
	})
}
