package early

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"moss/internal/testutil/need"
)

func TestParseEvent(t *testing.T) {
	text := "add@/devices/pci0000:00/0000:00:04.0/virtio1/block/vda\x00ACTION=add\x00DEVPATH=/devices/pci0000:00/0000:00:04.0/virtio1/block/vda\x00" +
		"SUBSYSTEM=block\x00DEVNAME=vda\x00EMPTY=\x00rubbish\x00A=b=c\x00"
	want := event{
		"ACTION": "add", "DEVPATH": "/devices/pci0000:00/0000:00:04.0/virtio1/block/vda", "SUBSYSTEM": "block", "DEVNAME": "vda", "EMPTY": "", "A": "b=c",
	}
	if diff := cmp.Diff(want, parseEvent([]byte(text))); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for _, text := range []string{"", "libudev\x00\xfe\xed\xca\xfe", "add", "add@", "\x00ACTION=add\x00"} {
		if got := parseEvent([]byte(text)); got != nil {
			t.Errorf("%q: got %v, want nothing", text, got)
		}
	}
}

func FuzzParseEvent(f *testing.F) {
	f.Add([]byte("add@/devices/x\x00ACTION=add\x00"))
	f.Add([]byte("libudev\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for key, value := range parseEvent(data) {
			if !strings.Contains(string(data), key+"="+value) {
				t.Errorf("%q holds no %q=%q", data, key, value)
			}
		}
	})
}

// trigger makes the kernel announce a device that every machine has.
func trigger(t *testing.T) {
	t.Helper()
	if err := os.WriteFile("/sys/devices/virtual/mem/null/uevent", []byte("change"), 0o200); err != nil {
		need.Machine(t, "uevents that tests trigger: %v", err)
	}
}

func listen(t *testing.T) *uevents {
	t.Helper()
	events, err := openEvents()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = events.close() })
	return events
}

func TestEventsOfTheKernel(t *testing.T) {
	events := listen(t)
	trigger(t)
	for range 1000 {
		if over, err := events.wait(10 * time.Second); over || err != nil {
			t.Fatalf("got %v, %v, want an event", over, err)
		}
		e, err := events.next()
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(e["DEVPATH"], "/mem/null") && e["ACTION"] == "change" {
			return
		}
	}
	t.Error("the event did not come")
}

func TestWaitEnds(t *testing.T) {
	events := listen(t)
	for range 1000 { // other events of this machine may come first
		over, err := events.wait(time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		if over {
			return
		}
		if _, err := events.next(); err != nil {
			t.Fatal(err)
		}
	}
	t.Error("wait never ended")
}
