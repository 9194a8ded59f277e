package qemutests

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"moss/qemu-tests/debian"
	"moss/qemu-tests/vm"
	"moss/qemu-tests/world"
)

// TestUsrMergePowerCuts kills the machine while early boot merges, at steps of
// each kind, on a disk that loses what was not flushed. The next boot goes on, and the
// tree is that of a merge which nothing has disturbed.
func TestUsrMergePowerCuts(t *testing.T) {
	alongside(t)
	config := waiting(t, "rw root=/dev/vda init="+world.UnmergedInit)
	config.Initrd, config.WriteCache = shared.initrds[plainImage], true
	w := sync.OnceValues(func() (*world.Waiting, error) { return world.NewWaiting(t.Context(), config, bootLimit) })
	for _, kind := range []struct{ name, points string }{
		{"ext4", "linked carry-link carried exchanging exchanged removing"},
		{"xfs", "exchanged"},
	} {
		undisturbed := sync.OnceValues(func() (tree string, took time.Duration) {
			c := newMergeCuts(t, w, kind.name)
			return c.finish(), c.took()
		})
		for point := range strings.FieldsSeq(kind.points) {
			t.Run(kind.name+"-"+point, func(t *testing.T) {
				inTurn(t, short)
				c := newMergeCuts(t, w, kind.name)
				c.at("usr-merge/" + point)
				want, _ := undisturbed()
				if got := c.finish(); got != want {
					t.Errorf("got the tree %s, want %s", got, want)
				}
			})
		}
		t.Run(kind.name+"-any", func(t *testing.T) {
			inTurn(t, short)
			c := newMergeCuts(t, w, kind.name)
			want, took := undisturbed()
			for range 2 {
				c.anywhere(took)
			}
			if got := c.finish(); got != want {
				t.Errorf("got the tree %s, want %s", got, want)
			}
		})
	}
}

// mergeCuts is one small un-merged system from cut to cut.
type mergeCuts struct {
	*unmerged
	w func() (*world.Waiting, error)
}

// smallRoots are made once of each kind of file system.
var smallRoots = map[string]func() (string, error){"ext4": smallRoot("ext4", 160<<20), "xfs": smallRoot("xfs", 320<<20), "btrfs": smallRoot("btrfs", 320<<20)}

func smallRoot(kind string, size int64) func() (string, error) {
	return sync.OnceValues(func() (string, error) {
		u, err := unmergedRoots()
		if err != nil {
			return "", err
		}
		path := filepath.Join(shared.dir, "unmerged-"+kind+".raw")
		return path, u.Disk(context.Background(), u.Small, kind, path, size, world.Odd)
	})
}

func newMergeCuts(t *testing.T, w func() (*world.Waiting, error), kind string) *mergeCuts {
	t.Helper()
	base, err := smallRoots[kind]()
	if err != nil {
		t.Fatal(err)
	}
	disk := filepath.Join(t.TempDir(), "root.qcow2")
	// Small clusters: what is lost is lost by pages, not by sixteen of them.
	create := exec.Command("qemu-img", "create", "-q", "-f", "qcow2", "-o", "cluster_size=4096", "-F", "raw", "-b", base, disk)
	if out, err := create.CombinedOutput(); err != nil {
		t.Fatalf("qemu-img: %v: %s", err, out)
	}
	return &mergeCuts{&unmerged{machine: &machine{t: t}, disk: disk, test: t}, w}
}

// at stops the guest at a fault point and cuts the power.
func (c *mergeCuts) at(point string) {
	c.t.Helper()
	c.start(vm.Config{Initrd: shared.initrds[faultImage], Append: " MOSS_FAULT=" + point + ":hang"})
	c.expect("fault: hang at " + point)
	c.kill()
}

// anywhere cuts the power at a random moment of the merge, or of what is left of it,
// which takes at most so long.
func (c *mergeCuts) anywhere(longest time.Duration) {
	c.t.Helper()
	c.thaw()
	said, err := c.vm.ExpectMatch(regexp.MustCompile(`usr-merge: (moving|finishing)|unmerged: up`), bootLimit)
	if err != nil {
		c.t.Fatal(err)
	}
	later := rand.N(longest)
	<-time.After(later) // no event marks the moment: it has to be any
	c.kill()
	c.t.Logf("cut %v after %q; it was done: %v", later, said[0], strings.Contains(c.vm.Text(), "usr-merge: done"))
}

// thaw starts a machine whose early boot waited for the disk.
func (c *mergeCuts) thaw() {
	c.t.Helper()
	w, err := c.w()
	if err != nil {
		c.t.Fatal(err)
	}
	c.log++
	c.machine = attach(c.test, func() (*vm.Machine, error) {
		return w.Start(c.t.Context(), fmt.Sprintf("%s-%d", machineName(c.t), c.log), vm.Disk{Path: c.disk})
	})
}

func (c *mergeCuts) start(config vm.Config) {
	c.t.Helper()
	c.log++
	config.Name, config.LogDir, config.Accel, config.Memory = fmt.Sprintf("%s-%d", machineName(c.t), c.log), shared.dir, shared.accel, 512
	config.Kernel = shared.kernel.Plain
	if config.Disks == nil {
		config.Disks, config.WriteCache = []vm.Disk{{Path: c.disk}}, true
	}
	config.Append = strings.Join(debian.CommandLine(), " ") + " rw root=/dev/vda init=" + world.UnmergedInit + config.Append
	c.machine = attach(c.test, func() (*vm.Machine, error) { return vm.Start(c.t.Context(), config) })
}

func (c *mergeCuts) kill() {
	c.t.Helper()
	if err := c.vm.Kill(); err != nil {
		c.t.Fatal(err)
	}
}

// finish boots once more and returns what the tree is then.
func (c *mergeCuts) finish() string {
	c.t.Helper()
	c.thaw()
	c.up()
	c.linked()
	// The cut may have come between the end of the merge and its report.
	c.reported("merged", "already")
	c.stop()
	c.same([]string{world.Odd}, c.outside("paths", before, "/"))
	return c.outside("tree", "/usr", "/var/lib/moss/usr-merge/orphans")
}

// took is how long the merge has taken, in the guest's clock.
func (c *mergeCuts) took() time.Duration {
	c.t.Helper()
	said := regexp.MustCompile(`usr-merge: done in (\d+\.\d+) s`).FindStringSubmatch(c.vm.Text())
	if said == nil {
		c.t.Fatal("the merge was not told")
	}
	took, err := time.ParseDuration(said[1] + "s")
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Logf("figure: merge of the small system: %v", took)
	return took
}
