package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"moss/internal/system"
	"moss/internal/ui"
	"moss/store/fetch"
)

// withProgress runs a command that fetches files, with these flags, and
// returns what went to stderr.
func withProgress(t *testing.T, files []fetch.File, flags ...string) string {
	t.Helper()
	var out bytes.Buffer
	cmd := ui.Root(&cobra.Command{Use: "moss"})
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		bars, end := progressBars(cmd)
		defer end()
		var _ system.Progress = bars
		return fetch.Files(cmd.Context(), files, fetch.Options{Workers: 1, Report: bars.Fetch,
			Wait: func(context.Context, time.Duration) error { return nil }})
	}
	cmd.SetArgs(flags)
	cmd.SetErr(&out)
	if err := cmd.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// served are two files on a server whose first answer is 500.
func served(t *testing.T) []fetch.File {
	body := []byte("0123456789")
	hash := sha256.Sum256(body)
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked == 1 {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		_, _ = w.Write(body)
	}))
	t.Cleanup(s.Close)
	var files []fetch.File
	for _, name := range []string{"nano.stone", "vim.stone"} {
		files = append(files, fetch.File{URL: s.URL, Path: filepath.Join(t.TempDir(), name), Size: 10, SHA256: hex.EncodeToString(hash[:])})
	}
	return files
}

func TestDownloadsAsEvents(t *testing.T) {
	var got []string
	for line := range strings.Lines(withProgress(t, served(t), "--progress", "json")) {
		head, _, _ := strings.Cut(line, `,"unit"`)
		got = append(got, head)
	}
	want := []string{
		`{"event":"begin","name":"total","done":0,"total":20`,
		`{"event":"begin","name":"nano.stone","done":0,"total":10`,
		`{"event":"retry","name":"nano.stone","done":0,"total":10`,
		`{"event":"done","name":"nano.stone","done":10,"total":10`,
		`{"event":"begin","name":"vim.stone","done":0,"total":10`,
		`{"event":"done","name":"vim.stone","done":10,"total":10`,
		`{"event":"done","name":"total","done":20,"total":20`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestDownloadsAsLines(t *testing.T) {
	got := withProgress(t, served(t), "-v")
	for _, want := range []string{"nano.stone: trying again: ", "nano.stone: 10 B in ", "total 2/2: 20 B in "} {
		if !strings.Contains(got, want) {
			t.Errorf("got %q, want %q in it", got, want)
		}
	}
}

func TestDownloadsAreSilentWithoutATerminal(t *testing.T) {
	if got := withProgress(t, served(t)); got != "" {
		t.Errorf("got %q, want nothing", got)
	}
}
