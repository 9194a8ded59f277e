package early

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moss/internal/testutil"
)

const swapUUID = "0a0b0c0d-9abc-4def-8123-456789abcdef"

// sleeping is a machine with a root and a swap of mkswap on which a system
// sleeps, if the signature is not empty.
func sleeping(t *testing.T, line, signature string) *Boot {
	t.Helper()
	b := machine(t, line)
	plug(t, b.Top, "vda", ext4("root"))
	plug(t, b.Top, "vdb", put(nil))
	makeImage(t, b.path("dev/vdb"), 1<<20, "mkswap --pagesize 4096 -L sleep -U "+swapUUID)
	if signature != "" {
		writeAt(t, b.path("dev/vdb"), signature, 4086)
	}
	testutil.Tree{"sys/power/resume": "0:0\n", "sys/power/resume_offset": "0\n"}.Create(t, b.Top)
	return b
}

func TestResume(t *testing.T) {
	const by = "root=LABEL=root resume="
	for name, tt := range map[string]struct{ line, signature, resume, said string }{
		"by UUID":             {by + "UUID=" + swapUUID, "S1SUSPEND\x00", "254:0", "moss-init: waking the system that hibernates on /dev/vdb\nmoss-init: wake the system on /dev/vdb swsuspend UUID=" + swapUUID + " LABEL=sleep: the kernel did not take the image; its log says why; booting without it\n"},
		"by label":            {by + "LABEL=sleep", "S1SUSPEND\x00", "254:0", "waking"},
		"by path":             {by + "/dev/vdb", "S1SUSPEND\x00", "254:0", "waking"},
		"the last one counts": {by + "/dev/vda resume=/dev/vdb", "S1SUSPEND\x00", "254:0", "waking"},
		"nothing sleeps":      {by + "UUID=" + swapUUID, "", "0:0\n", ""},
		"noresume":            {by + "UUID=" + swapUUID + " noresume", "S1SUSPEND\x00", "0:0\n", ""},
		"hibernate=no":        {by + "UUID=" + swapUUID + " hibernate=no", "S1SUSPEND\x00", "0:0\n", ""},
		"no resume=":          {"root=LABEL=root", "S1SUSPEND\x00", "0:0\n", ""},
		"another program's":   {by + "UUID=" + swapUUID, "ULSUSPEND\x00", "0:0\n", "another program (ULSUSPEND), which only that program can wake; booting without it\n"},
		"no swap":             {by + "/dev/vda", "", "0:0\n", ""},
		"not there":           {by + "UUID=x", "S1SUSPEND\x00", "0:0\n", "moss-init: resume=UUID=x did not appear within 20ms; booting without it\n"},
		"nonsense":            {by + "vdb", "S1SUSPEND\x00", "0:0\n", "resume=vdb is none of UUID=, LABEL="},
		"a bad offset":        {by + "/dev/vdb resume_offset=-1", "S1SUSPEND\x00", "0:0\n", "resume_offset=-1 is not a number of pages; booting without it\n"},
		"behind the end":      {by + "/dev/vdb resume_offset=99999", "S1SUSPEND\x00", "0:0\n", "look for a hibernated system on /dev/vdb"},
	} {
		b := sleeping(t, tt.line, tt.signature)
		if err := b.findWithin(tick); err != nil || b.root.Name != "vda" {
			t.Fatalf("%s: got %v, %v", name, b.root, err)
		}
		if err := b.resumeWithin(tick); err != nil {
			t.Errorf("%s: got %v, want the boot to go on", name, err)
		}
		if got := testutil.Read(t, b.path("sys/power/resume")); got != tt.resume {
			t.Errorf("%s: got %q for the kernel, want %q", name, got, tt.resume)
		}
		if got := screen(t, b); (got == "") != (tt.said == "") || !strings.Contains(got, tt.said) {
			t.Errorf("%s: got %q, want %q", name, got, tt.said)
		}
		if b.events != nil {
			t.Errorf("%s: the listening for devices goes on", name)
		}
	}
}

// A swap file is a place in a file system; the kernel hears of it first.
func TestResumeFromFile(t *testing.T) {
	b := sleeping(t, "resume=LABEL=root resume_offset=3", "")
	page := int64(os.Getpagesize())
	data := make([]byte, 8*page)
	copy(data, ext4("root"))
	copy(data[4*page-10:], "S1SUSPEND\x00")
	if err := os.WriteFile(b.path("dev/vda"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := b.resumeWithin(tick); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"resume": "254:0", "resume_offset": "3"} {
		if got := testutil.Read(t, filepath.Join(b.Top, "sys/power", name)); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// A swap of LVM does not come, and costs a boot two seconds at most.
func TestResumeFromVolume(t *testing.T) {
	b := sleeping(t, "resume=/dev/mapper/vg-swap rootwait", "")
	h := b.newHunt(rootSpec{"path", "mapper/vg-swap"}, "", b.resumePatience())
	h.swap = true
	if left := h.left(); left > slow {
		t.Errorf("got %v to wait", left)
	}
	h = b.newHunt(rootSpec{"UUID", "x"}, "", b.resumePatience())
	h.swap = true
	if left := h.left(); left < slow || left > resumeTimeout*1e9 {
		t.Errorf("got %v to wait in spite of rootwait", left)
	}
}

// A kernel without hibernation is not asked.
func TestNoHibernation(t *testing.T) {
	b := machine(t, "resume=LABEL=nowhere")
	if err := b.resumeWithin(tick); err != nil || screen(t, b) != "" {
		t.Errorf("got %v, %q", err, screen(t, b))
	}
}
