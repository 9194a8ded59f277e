package stone

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zeebo/xxh3"
)

const (
	memoryVar   = "STONE_MEMORY_TEST" // what the child process does, in which folder
	memoryLimit = 200 << 20
	gibibyte    = 1 << 30
)

// TestMain turns the test binary into the measured process when it is asked to:
// peaks of memory belong to a process, and the tests' own would hide them.
func TestMain(m *testing.M) {
	what, dir, ok := strings.Cut(os.Getenv(memoryVar), ":")
	if !ok {
		os.Exit(m.Run())
	}
	if err := map[string]func(string) error{"write": writeBig, "read": readBig, "wide": readBig}[what](dir); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	peaks, err := os.ReadFile("/proc/self/status")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Stdout.Write(peaks)
}

// noise is size bytes that compress to about three quarters: random ones, and a
// run every 64 KiB. The seed makes each content its own.
type noise struct {
	rng  *rand.ChaCha8
	left int64
	buf  [64 << 10]byte
	have []byte
}

func newNoise(seed byte, size int64) *noise {
	return &noise{rng: rand.NewChaCha8([32]byte{seed}), left: size}
}

func (n *noise) Read(b []byte) (int, error) {
	if n.left == 0 {
		return 0, io.EOF
	}
	if len(n.have) == 0 {
		_, _ = n.rng.Read(n.buf[:48<<10])
		n.have = n.buf[:]
	}
	c := copy(b[:min(int64(len(b)), n.left)], n.have)
	n.have, n.left = n.have[c:], n.left-int64(c)
	return c, nil
}

func bigSources() ([]Layout, []Source, error) {
	var layouts []Layout
	var sources []Source
	for i := range 8 {
		h, size := NewHasher(), int64(gibibyte/8+i)
		if _, err := io.Copy(h, newNoise(byte(i), size)); err != nil {
			return nil, nil, err
		}
		layouts = append(layouts, Layout{Path: strconv.Itoa(i), Mode: 0o100644, Hash: h.Sum()})
		sources = append(sources, Source{Hash: h.Sum(), Size: size, Open: func() (io.ReadCloser, error) {
			return io.NopCloser(newNoise(byte(i), size)), nil
		}})
	}
	return layouts, sources, nil
}

func writeBig(dir string) error {
	layouts, sources, err := bigSources()
	if err != nil {
		return err
	}
	return Write(filepath.Join(dir, "big.stone"), Meta{Name: "big"}, layouts, sources, WriteOptions{Level: 1})
}

func readBig(dir string) error {
	r, err := Open(filepath.Join(dir, "big.stone"))
	if err != nil {
		return err
	}
	defer r.Close()
	done := watchAnon()
	var total int64
	err = r.Contents(dir, func(_ IndexEntry, src io.Reader) error {
		n, err := io.Copy(io.Discard, src)
		total += n
		return err
	})
	if err == nil && total < gibibyte {
		err = fmt.Errorf("read %d bytes, want %d", total, gibibyte)
	}
	fmt.Printf("PeakAnon: %d kB\n", done())
	return err
}

// watchAnon samples what of the process is neither a file nor evictable; the
// kernel keeps a peak only of all kinds together.
func watchAnon() (peak func() int64) {
	stop, result := make(chan bool), make(chan int64)
	go func() {
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		var highest int64
		for {
			b, _ := os.ReadFile("/proc/self/status")
			highest = max(highest, statusKB(string(b), "RssAnon"))
			select {
			case <-stop:
				result <- highest
				return
			case <-tick.C:
			}
		}
	}()
	return func() int64 { close(stop); return <-result }
}

func statusKB(status, name string) int64 {
	for line := range strings.Lines(status) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return n
		}
	}
	return -1
}

func measure(t *testing.T, what, dir string) string {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), memoryVar+"="+what+":"+dir)
	start := time.Now()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s", what, err, out)
	}
	t.Logf("%s: %.1f s (user %.1f, system %.1f), peak %d MiB of which anonymous %d MiB", what, time.Since(start).Seconds(),
		cmd.ProcessState.UserTime().Seconds(), cmd.ProcessState.SystemTime().Seconds(),
		statusKB(string(out), "VmHWM")>>10, statusKB(string(out), "PeakAnon")>>10)
	return string(out)
}

func leaveOutIfMeasuringIsPointless(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("left out: -short, and this writes a gibibyte")
	}
	if raceDetector {
		t.Skip("left out: the race detector's own memory would be measured")
	}
}

// A frame whose window is 2 GiB goes through a scratch file. Its pages count as
// resident while nobody else wants the memory, so the promise there is about
// the anonymous ones, which cannot be evicted.
func TestMemoryOfOneGibibyte(t *testing.T) {
	leaveOutIfMeasuringIsPointless(t)
	dir := t.TempDir()
	for _, c := range []struct{ what, limited string }{{"write", "VmHWM"}, {"read", "VmHWM"}, {"wide", "PeakAnon"}} {
		if c.what == "wide" {
			widen(t, filepath.Join(dir, "big.stone"))
		}
		out := measure(t, c.what, dir)
		if got := statusKB(out, c.limited) << 10; got <= 0 || got > memoryLimit {
			t.Errorf("%s: %s is %d bytes, want at most %d", c.what, c.limited, got, memoryLimit)
		}
	}
}

// widen makes the content's frame ask for a window of 2 GiB. The blocks stay
// valid under it, and all a decoder can know is what the header says.
func widen(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := *open(t, path).content
	if _, err := f.WriteAt([]byte{21 << 3}, h.start()+5); err != nil {
		t.Fatal(err)
	}
	sum := xxh3.New()
	if _, err := io.Copy(sum, section(f, h)); err != nil {
		t.Fatal(err)
	}
	h.Checksum = sum.Sum64()
	if _, err := f.WriteAt(h.encode(), h.Offset); err != nil {
		t.Fatal(err)
	}
}
