package system

import (
	"strings"
	"testing"

	"moss/bootloader"
	"moss/internal/testutil"
	"moss/store/state"
)

// contentOf is a state of a root with the words that snippets of it make.
func contentOf(t *testing.T, root, usr testutil.Tree) (bootloader.State, []string) {
	t.Helper()
	v := someSystem(t, root, usr)
	var said []string
	c, err := newContent(Options{Root: v.root, Log: func(line string) { said = append(said, line) }})
	if err != nil {
		t.Fatal(err)
	}
	var s bootloader.State
	for range 2 { // the second time says nothing new
		if s, err = c.state(state.State{ID: 3, Summary: "made", Comment: "said", Pinned: true}, v.usr); err != nil {
			t.Fatal(err)
		}
	}
	return s, said
}

func TestContentOfAState(t *testing.T) {
	s, said := contentOf(t,
		testutil.Tree{"etc/kernel/cmdline.d/10-root.cmdline": "root=UUID=1 rw moss.fstx=9\n", "etc/moss/moss.yaml": "tries: 2\n"},
		testutil.Tree{
			"lib/kernel/6.9/vmlinuz": "-> /usr/lib/modules/6.9/vmlinuz", "lib/modules/6.9/vmlinuz": "k", "lib/kernel/6.9/50-a.initrd": "i",
			"lib/kernel/6.10/vmlinuz": "k", "lib/kernel/cmdline.d/a.cmdline": "quiet -- single", "lib/kernel/6.10/own.cmdline": "only=this",
			"lib/os-release": "ID=testos\nNAME=Test\n",
		})
	if s.ID != 3 || s.Tries != 2 || s.Summary != "said" || !s.Pinned || s.OSID != "testos" || len(s.Kernels) != 2 {
		t.Fatalf("got %+v", s)
	}
	for i, want := range []string{"quiet root=UUID=1 rw moss.fstx=3 -- single", "quiet only=this root=UUID=1 rw moss.fstx=3 -- single"} {
		if got := strings.Join(s.Kernels[i].Cmdline, " "); got != want {
			t.Errorf("kernel %s: got %q, want %q", s.Kernels[i].Version, got, want)
		}
	}
	if got := s.Kernels[0].Image; !strings.HasSuffix(got, "/root/3/usr/lib/modules/6.9/vmlinuz") {
		t.Errorf("got kernel %s, want that of the state itself", got)
	}
	if len(said) != 2 || !strings.Contains(said[0], "moss.fstx=9") || !strings.Contains(said[1], "kernel 6.10 has no initrd: by itself it does not find root=UUID=1") {
		t.Errorf("got warnings %q, want one for moss.fstx and one for the kernel without an initrd, once each", said)
	}
}

func TestStateWithoutAKernelNeedsNoRoot(t *testing.T) {
	if s, said := contentOf(t, nil, testutil.Tree{"bin/x": "x"}); len(s.Kernels) != 0 || len(said) != 0 || s.Tries != 0 {
		t.Errorf("got %+v, %q", s, said)
	}
	v := someSystem(t, nil, testutil.Tree{"lib/kernel/6.9/vmlinuz": "k"})
	c, err := newContent(Options{Root: v.root, Log: func(string) {}})
	if err != nil {
		t.Fatal(err)
	}
	if s, err := c.state(state.State{ID: 3}, v.usr); ExitCode(err) != exitRefused || !strings.Contains(err.Error(), "no root=") {
		t.Errorf("got %+v, %v, want a refusal: a plain folder has no device", s, err)
	}
}

func TestBareKernel(t *testing.T) {
	for line, finds := range map[string]bool{
		"root=PARTUUID=1": true, "root=/dev/sda2 rw": true, "root=PARTLABEL=x": true,
		"root=UUID=1": false, "root=LABEL=x": false, "root=/dev/mapper/x": false, "root=/dev/disk/by-label/x": false, "root=PARTUUID=1 rd.luks.uuid=2": false, "rw": false,
	} {
		if got := bare(words{params: strings.Fields(line)}.parsed()); strings.Contains(got, "does not find") == finds {
			t.Errorf("%q: got %q", line, got)
		}
	}
}

func TestWarnOnce(t *testing.T) {
	var said []string
	log := warnOnce(func(line string) { said = append(said, line) })
	for range 2 {
		log("warning: a")
		log("step x")
		log("warning: b")
	}
	if got := strings.Join(said, ", "); got != "warning: a, step x, warning: b, step x" {
		t.Errorf("got %q", got)
	}
}

func TestRescueKernel(t *testing.T) {
	kernels := func(names ...string) (all []bootloader.Kernel) {
		for _, name := range names {
			all = append(all, bootloader.Kernel{Version: name, Image: "/k/" + name, Initrds: []string{"/i/" + name},
				Cmdline: []string{"root=UUID=1", "quiet", "splash=x", "moss.fstx=1", "rw", "--", "quiet"}})
		}
		return all
	}
	states := []bootloader.State{{ID: 2, Kernels: kernels("6.9", "6.10")}, {ID: 3, Kernels: kernels("6.11")}, {ID: 4}}
	for booted, want := range map[uint64]string{0: "6.11", 2: "6.10", 3: "6.11", 4: "6.11", 9: "6.11"} {
		got := rescueKernel(states, booted)
		if got == nil || got.Version != want || got.Image != "/k/"+want || got.Initrds[0] != "/i/"+want {
			t.Fatalf("booted %d: got %+v, want kernel %s", booted, got, want)
		}
		if line := strings.Join(got.Cmdline, " "); line != "root=UUID=1 rw moss.shell -- quiet" {
			t.Errorf("got %q", line)
		}
	}
	if len(states[0].Kernels[1].Cmdline) != 7 || states[0].Kernels[1].Cmdline[1] != "quiet" {
		t.Errorf("the state's own command line was changed: %q", states[0].Kernels[1].Cmdline)
	}
	if got := rescueKernel([]bootloader.State{{ID: 1}}, 1); got != nil {
		t.Errorf("without a kernel: got %+v", got)
	}
}
