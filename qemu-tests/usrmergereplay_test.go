package qemutests

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moss/qemu-tests/disk"
	"moss/qemu-tests/vm"
	"moss/qemu-tests/world"

	"moss/internal/testutil/need"
)

// TestUsrMergeReplay keeps what a merge writes to its disk, in order and with the
// flushes between, and then looks at the disk as it was at every flush, and between
// some of them: each time every old path is there, the next run goes on to its end,
// the tree is that of a merge which nothing has disturbed, and the file system is
// sound.
func TestUsrMergeReplay(t *testing.T) {
	for _, program := range []string{"losetup", "unshare", "xfs_repair", "btrfs", "e2fsck"} {
		need.Program(t, program)
	}
	inTurn(t, 3)
	kinds := []string{"ext4", "xfs", "btrfs"}
	logs := recordMerges(t, kinds)
	for i, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			r := &replay{t: t, kind: kind, dir: t.TempDir()}
			if err := r.read(logs[i]); err != nil {
				t.Fatal(err)
			}
			r.run()
		})
	}
}

// recordMerges merges in a guest, on a device of each kind of file system that keeps
// its writes.
func recordMerges(t *testing.T, kinds []string) (logs []string) {
	t.Helper()
	dir := t.TempDir()
	own := filepath.Join(dir, "root.raw")
	copySmall(t, "ext4", own)
	disks := []vm.Disk{{Path: own}}
	for _, kind := range kinds {
		data, log := filepath.Join(dir, kind+".raw"), filepath.Join(dir, kind+".log")
		copySmall(t, kind, data)
		if err := os.WriteFile(log, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(log, 1<<30); err != nil {
			t.Fatal(err)
		}
		disks, logs = append(disks, vm.Disk{Path: data}, vm.Disk{Path: log}), append(logs, log)
	}
	c := &mergeCuts{unmerged: &unmerged{machine: &machine{t: t}, test: t}}
	c.start(vm.Config{Initrd: shared.initrds[plainImage], Disks: disks})
	c.up()
	c.must("modprobe -a dm_log_writes xfs btrfs && mkdir -p /mnt")
	for i, kind := range kinds {
		data, log := string(rune('b'+2*i)), string(rune('c'+2*i))
		node := c.must(fmt.Sprintf("flakey log %s /dev/vd%s /dev/vd%s", kind, data, log))
		c.must("flakey mount " + kind + " " + node + " /mnt && flakey mark " + kind + " begin")
		c.must("moss-init activate --sysroot /mnt")
		c.must("flakey mark " + kind + " end && test -s /mnt/var/lib/moss/usr-merge/complete && flakey unmount /mnt")
	}
	c.kill()
	return logs
}

func copySmall(t *testing.T, kind, to string) {
	t.Helper()
	base, err := smallRoots[kind]()
	if err == nil {
		err = disk.Copy(t.Context(), base, to)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// replay is the log of one device.
type replay struct {
	t         *testing.T
	kind, dir string
	entries   []logEntry
	log       *os.File
	begin     int // the entry with which the merge begins
	end       int

	want string // the tree of a merge which nothing has disturbed
}

// logEntry is a struct log_write_entry (drivers/md/dm-log-writes.c, version 1).
type logEntry struct {
	sector, count, flags uint64
	data                 int64 // where in the log
	mark                 string
}

const (
	logFlush   = 1 << 0
	logFUA     = 1 << 1
	logDiscard = 1 << 2
	logMark    = 1 << 3
)

func (r *replay) read(path string) (err error) {
	if r.log, err = os.Open(path); err != nil {
		return err
	}
	r.t.Cleanup(func() { _ = r.log.Close() })
	head := make([]byte, 32)
	if _, err := r.log.ReadAt(head, 0); err != nil {
		return err
	}
	order := binary.LittleEndian
	if order.Uint64(head) != 0x6a736677736872 || order.Uint64(head[8:]) != 1 {
		return fmt.Errorf("the log begins with % x", head)
	}
	size := int64(order.Uint32(head[24:]))
	at := size
	for range order.Uint64(head[16:]) {
		one := make([]byte, 512)
		if _, err := r.log.ReadAt(one, at); err != nil {
			return err
		}
		e := logEntry{order.Uint64(one), order.Uint64(one[8:]), order.Uint64(one[16:]), at + size, ""}
		if e.flags&logMark != 0 {
			e.mark = string(bytes.Trim(one[32:32+order.Uint64(one[24:])], "\x00"))
		}
		at += size
		if e.flags&logDiscard == 0 {
			at += int64(e.count) * size
		}
		r.entries = append(r.entries, e)
	}
	mark := func(text string) int {
		return slices.IndexFunc(r.entries, func(e logEntry) bool { return e.mark == text })
	}
	r.begin, r.end = mark("begin"), mark("end")
	if r.begin < 0 || r.end < r.begin {
		return errors.New("the marks are not in the log")
	}
	return nil
}

// run replays the log and stops at the moments.
func (r *replay) run() {
	current := filepath.Join(r.dir, "current")
	copySmall(r.t, r.kind, current)
	r.want = r.look(current, "undisturbed")
	f, err := os.OpenFile(current, os.O_RDWR, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	defer f.Close()
	moments := r.moments()
	for i, e := range r.entries {
		if err := r.apply(f, e); err != nil {
			r.t.Fatal(err)
		}
		if !slices.Contains(moments, i) {
			continue
		}
		when := fmt.Sprintf("cut after entry %d of %d", i-r.begin, r.end-r.begin)
		if diff := cmp.Diff(strings.Split(r.want, "\n"), strings.Split(r.look(current, when), "\n")); diff != "" {
			r.t.Errorf("%s, another tree than that of an undisturbed merge: %s", when, diff)
		}
	}
}

// between is how many moments are looked at besides the flushes.
const between = 3

// moments are all flushes and what was written past the cache, and some moments
// between them: a disk may have written that much by itself.
func (r *replay) moments() []int {
	var flushes, all []int
	for i := r.begin; i <= r.end; i++ {
		if r.entries[i].flags&(logFlush|logFUA) != 0 {
			flushes = append(flushes, i)
		}
		all = append(all, i)
	}
	chosen := append(flushes, spread(all, between)...)
	slices.Sort(chosen)
	chosen = slices.Compact(chosen)
	r.t.Logf("figure: %s: %d entries, %d flushes, %d moments looked at", r.kind, len(all), len(flushes), len(chosen))
	return chosen
}

// spread takes at most n of them, evenly.
func spread(all []int, n int) []int {
	if len(all) <= n {
		return all
	}
	var some []int
	for i := range n {
		some = append(some, all[i*(len(all)-1)/(n-1)])
	}
	return some
}

func (r *replay) apply(f *os.File, e logEntry) error {
	if e.count == 0 || e.flags&logMark != 0 {
		return nil
	}
	data := io.Reader(io.NewSectionReader(r.log, e.data, int64(e.count)*512))
	if e.flags&logDiscard != 0 {
		data = io.LimitReader(zeros{}, int64(e.count)*512)
	}
	_, err := io.Copy(io.NewOffsetWriter(f, int64(e.sector)*512), data)
	return err
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// goOn mounts a copy, compares, merges, compares, and checks the file system.
const goOn = `kind=$1 image=$2 moss=$3 flakey=$4
	cp --sparse=always "$image" "$image.now"
	mkdir -p "$image.mnt"
	device=$(losetup --find --show "$image.now")
	trap 'losetup --detach "$device"' EXIT
	mount -t "$kind" "$device" "$image.mnt"
	lab="$image.mnt/opt/lab"
	"$flakey" paths "$lab/before.list" "$image.mnt"
	echo =
	"$moss" -D "$image.mnt" usr-merge run
	echo =
	"$flakey" paths "$lab/before.list" "$image.mnt"
	echo =
	"$flakey" list "$image.mnt/usr"
	"$flakey" list "$image.mnt/var/lib/moss/usr-merge/orphans"
	cd "$image.mnt"
	readlink bin sbin lib lib64
	ls -d .moss-usr-merge* usr/.moss-usr-merge* 2>/dev/null || :
	test -s var/lib/moss/usr-merge/complete
	cd /
	umount "$image.mnt"
	case $kind in
	ext4) e2fsck -fn "$device" ;;
	xfs) xfs_repair -n "$device" ;;
	btrfs) btrfs check "$device" ;;
	esac >"$image.fsck" 2>&1 || { cat "$image.fsck" >&2; exit 1; }`

// look returns what the tree is after the next run.
func (r *replay) look(image, when string) string {
	r.t.Helper()
	u, err := unmergedRoots()
	if err != nil {
		r.t.Fatal(err)
	}
	w, err := world.New(os.Stderr)
	if err != nil {
		r.t.Fatal(err)
	}
	out, err := mounted(r.t, goOn, r.kind, image, w.Program("moss"), u.Tool("flakey"))
	parts := strings.Split(out, "=\n")
	if err != nil || len(parts) != 4 {
		r.t.Fatalf("%s: %v\n%s", when, err, out)
	}
	for i, part := range map[string]string{"before the next run": parts[0], "after it": parts[2]} {
		if wrong, _ := unexpected(part, oddDifferences()); len(wrong) > 0 {
			r.t.Errorf("%s, %s:\n%s", when, i, strings.Join(wrong, "\n"))
		}
	}
	return parts[3]
}
