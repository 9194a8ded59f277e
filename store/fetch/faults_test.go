//go:build faultinject

package fetch_test

import (
	"os"
	"os/exec"
	"testing"

	"moss/store/fetch"
)

// TestCrashLeavesNoUnprovedFile ends the process at every point, by an error
// and by SIGKILL. The name must not be there; the next run completes the file.
func TestCrashLeavesNoUnprovedFile(t *testing.T) {
	if path := os.Getenv("MOSS_TEST_FETCH"); path != "" {
		data := content(1)
		file := fetch.File{URL: os.Getenv("MOSS_TEST_URL"), Path: path, Size: size, SHA256: sum(data)}
		if err := run(t, file); err != nil {
			t.Fatal(err)
		}
		return
	}
	data := content(1)
	for _, point := range []string{"download/begin", "download/sync", "download/rename"} {
		for _, kind := range []string{"error", "kill"} {
			t.Run(point+":"+kind, func(t *testing.T) {
				s := serve(t, good(data))
				file := target(t, s.URL, data)
				cmd := exec.Command(os.Args[0], "-test.run=^TestCrashLeavesNoUnprovedFile$")
				cmd.Env = append(os.Environ(), "MOSS_TEST_FETCH="+file.Path, "MOSS_TEST_URL="+s.URL, "MOSS_FAULT="+point+":"+kind)
				if out, err := cmd.CombinedOutput(); err == nil {
					t.Fatalf("the fault was passed by\n%s", out)
				}
				if _, err := os.Lstat(file.Path); !os.IsNotExist(err) {
					t.Errorf("the name is there: %v", err)
				}
				before := s.requests()
				if err := run(t, file); err != nil {
					t.Fatal(err)
				}
				arrived(t, file, data)
				want := 0 // what came is used, proved once more
				if point == "download/begin" {
					want = 1
				}
				if got := s.requests() - before; got != want {
					t.Errorf("got %d more requests, want %d", got, want)
				}
			})
		}
	}
}
