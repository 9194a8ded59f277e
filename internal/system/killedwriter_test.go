//go:build faultinject

package system_test

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"testing"

	"moss/internal/system"
	"moss/internal/testutil"
)

// TestKilledWritersLock: the lock of a writer that is killed dies with it. The
// next one, which does not wait, gets its turn at once and finishes or drops what
// it left.
func TestKilledWritersLock(t *testing.T) {
	for _, point := range []string{"unpack/publish", "seal/sealed", "transaction/exchange"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			root := newRoot(t)
			install(t, options(root), base())
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), "MOSS_TEST_ROOT="+root, "MOSS_FAULT="+point+":hang",
				"MOSS_TEST_STONES="+strings.Join(write(t, testutil.Stone{Name: "a", Files: testutil.Tree{"bin/a": "a"}}), " "))
			said, err := cmd.StderrPipe()
			if err == nil {
				err = cmd.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			if line, err := bufio.NewReader(said).ReadString('\n'); err != nil || !strings.Contains(line, "hang at "+point) {
				t.Fatalf("got %q, %v, want it to hang", line, err)
			}
			next := write(t, testutil.Stone{Name: "b", Files: testutil.Tree{"bin/b": "b"}})
			if _, err := system.Transact(t.Context(), options(root), system.Change{Stones: next}); system.ExitCode(err) != 5 {
				t.Errorf("while it hangs: got %v, want the root locked", err)
			}
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // it was killed
			result, err := system.Transact(t.Context(), options(root), system.Change{Stones: next})
			if err != nil || live(t, root) != result.ID {
				t.Fatalf("the next writer: %+v, %v", result, err)
			}
			everyEntryIsWhole(t, root)
			clean(t, options(root))
		})
	}
}
