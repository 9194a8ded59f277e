package early

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"moss/internal/testutil"
	"moss/usrmerge"
)

func TestMeterLines(t *testing.T) {
	at := func(done, total int) usrmerge.Progress { return usrmerge.Progress{Done: done, Total: total} }
	for _, c := range []struct {
		at       usrmerge.Progress
		passed   time.Duration
		bar, est string
	}{
		{at(0, 100), time.Second, "moss-init: [..............................]   0 %", "still busy"},
		{at(50, 100), 20 * time.Second, "moss-init: [###############...............]  50 %", "about 20 s left"},
		{at(50, 100), 40 * time.Second, "moss-init: [###############...............]  50 %, about 40 s left", "about 40 s left"},
		{at(10, 100), time.Minute, "moss-init: [###...........................]  10 %, about 9 min left", "about 9 min left"},
		{at(1, 1000), 30 * time.Second, "moss-init: [..............................]   0 %, about 9 h left", "about 9 h left"},
		{at(120, 100), 31 * time.Second, "moss-init: [##############################] 100 %, about 0 s left", "about 0 s left"},
		{at(0, 0), 4 * time.Second, "moss-init: usr-merge ....", "still busy"},
		{at(7, 0), 33 * time.Second, "moss-init: usr-merge ...", "still busy"},
	} {
		if got := bar(c.at, c.passed); got != c.bar {
			t.Errorf("%+v after %v: got %q, want %q", c.at, c.passed, got, c.bar)
		}
		if got := estimate(c.at, c.passed); got != c.est {
			t.Errorf("%+v after %v: got %q, want %q", c.at, c.passed, got, c.est)
		}
	}
}

// TestMeterShowsAndTakesAway: a bar is redrawn in its line and gone at the end; the
// log hears what is left twice a minute.
func TestMeterShowsAndTakesAway(t *testing.T) {
	b := machine(t, "")
	log, err := os.Create(filepath.Join(b.Top, "kmsg"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	b.console.kmsg = log
	m := b.console.measure()
	m.progress(usrmerge.Progress{Done: 1, Total: 2})
	begun := m.begun
	for _, passed := range []time.Duration{100 * time.Millisecond, time.Second, 2 * time.Second, 31 * time.Second, 45 * time.Second, 62 * time.Second} {
		m.draw(passed, begun.Add(passed))
	}
	m.end()
	half := "moss-init: [" + strings.Repeat("#", 15) + strings.Repeat(".", 15) + "]  50 %"
	want := ""
	for _, text := range []string{half, half + ", about 31 s left", half + ", about 45 s left", half + ", about 2 min left", ""} {
		want += "\r" + text + "\x1b[K"
	}
	if got := screen(t, b); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	want = "<30>moss-init: usr-merge: about 31 s left\n<30>moss-init: usr-merge: about 2 min left\n"
	if got := testutil.Read(t, log.Name()); got != want {
		t.Errorf("got the log %q, want %q", got, want)
	}
}

// TestMeterLeavesTheScreenOfOthersAlone: no bar over a splash screen.
func TestMeterLeavesTheScreenOfOthersAlone(t *testing.T) {
	b := machine(t, "")
	b.console.shared = true
	m := b.console.measure()
	m.draw(time.Minute, m.begun.Add(time.Minute))
	m.end()
	if got := screen(t, b); got != "" {
		t.Errorf("got %q, want nothing", got)
	}
}

func TestUnseenByEarlyBoot(t *testing.T) {
	for table, want := range map[string]string{
		"":                         "",
		"# /dev/sda3 /var ext4 rw": "",
		"UUID=1 / ext4 rw 0 1\nUUID=2 /home ext4 rw 0 2\nUUID=3 none swap sw 0 0\n": "",
		"UUID=2 /variable ext4 rw":               "",
		"UUID=2 /var ext4 noauto":                "",
		"/usr /usr none bind,ro 0 0":             "",
		"UUID=2 /var/ ext4 rw":                   "/etc/fstab mounts /var, where /var/lib/moss/usr-merge/complete is",
		"overlay /usr overlay lowerdir=/usr":     "/etc/fstab mounts /usr, where /usr is",
		"UUID=2 /srv\\040files xfs defaults 0 0": "/etc/fstab mounts /srv files, where /srv files/ready is",
	} {
		b := merging(t, "", testutil.Tree{"etc/fstab": table, "etc/moss/usr-merge.conf": "ready=/srv files/ready\n"})
		m := migration{Boot: b}
		var err error
		if m.config, err = usrmerge.ReadConfig(b.Sysroot); err != nil {
			t.Fatal(err)
		}
		if got := m.unseen(); got != want {
			t.Errorf("%q: got %q, want %q", table, got, want)
		}
	}
	b := merging(t, "", testutil.Tree{"etc/systemd/system/var.mount": ""})
	if got := (&migration{Boot: b}).unseen(); !strings.Contains(got, "var.mount") {
		t.Errorf("a unit that mounts /var: got %q", got)
	}
}
