package qemutests

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
)

// mounted runs a script on this machine that mounts disks, in a mount namespace that
// goes with it, and returns its standard output. One at a time: the disks of many tests
// are copies of one, and neither xfs nor btrfs mounts two file systems of one UUID.
func mounted(t testing.TB, script string, args ...string) (string, error) {
	shared.mounting.Lock()
	defer shared.mounting.Unlock()
	words := append([]string{"--mount", "--propagation", "private", "sh", "-ec", script, "sh"}, args...)
	cmd := exec.CommandContext(t.Context(), "unshare", words...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, &said)
	}
	return string(out), err
}

// TestCopiesOfADiskAreMounted mounts what several tests mount when they end together.
func TestCopiesOfADiskAreMounted(t *testing.T) {
	inTurn(t, short)
	for _, kind := range []string{"xfs", "btrfs"} {
		dir := t.TempDir()
		const script = `for round in 1 2 3; do mount -o loop "$1" "$2"; test -d "$2/usr"; umount "$2"; done`
		var tests sync.WaitGroup
		for n := range 4 {
			copied := filepath.Join(dir, strconv.Itoa(n))
			copySmall(t, kind, copied)
			tests.Go(func() {
				if _, err := mounted(t, script, copied, dir); err != nil {
					t.Errorf("%s: %v", kind, err)
				}
			})
		}
		tests.Wait()
	}
}
