package qemutests

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"moss/qemu-tests/world"
)

// rounds of the comparison; the median of them counts.
const rounds = 5

// peer is one early-boot image of the comparison.
type peer struct {
	name, initrd, words string
	took                []float64
}

// BenchmarkPeers compares early-boot images for one kernel and one root: bytes, and
// the guest's seconds from the kernel's start of /init to the first act of the
// system's init. The images take turns, and nothing else runs. Ours activates a
// state as well (that is live already); the others have moss-init aboard and do not
// run it. One iteration is enough; run it with -benchtime 1x.
func BenchmarkPeers(b *testing.B) {
	peers := peerImages(b)
	path := newDiskFor(b)
	boot(b, path, "moss.fstx=2").powerOff()
	for range b.N {
		for range rounds {
			for _, p := range peers {
				p.took = append(p.took, toInit(b, path, p))
			}
		}
	}
	for _, p := range peers {
		slices.Sort(p.took)
		info, err := os.Stat(p.initrd)
		if err != nil {
			b.Fatal(err)
		}
		median := p.took[len(p.took)/2]
		b.Logf("%-28s %9d bytes, %5.2f s (%.2f to %.2f, %d boots)", p.name, info.Size(), median, p.took[0], p.took[len(p.took)-1], len(p.took))
		b.ReportMetric(median, p.name+"-s")
		b.ReportMetric(float64(info.Size()), p.name+"-bytes")
	}
	b.ReportMetric(0, "ns/op")
}

func peerImages(b *testing.B) []*peer {
	w, err := world.New(os.Stderr)
	if err != nil {
		b.Fatal(err)
	}
	small := filepath.Join(b.TempDir(), "small.initrd")
	root := filepath.Join(filepath.Dir(shared.kernel.Image), "../../../..")
	if _, err := w.Run(b.Context(), "moss-boot", "initramfs", "build", "-D", root, "--init", w.Program("moss-init"),
		"--only", "ext4,virtio_blk,virtio_pci", "-o", small); err != nil {
		b.Fatal(err)
	}
	peers := []*peer{
		{name: "moss", initrd: shared.initrds[plainImage], words: "moss.fstx=2"},
		{name: "moss-ext4-virtio", initrd: small, words: "moss.fstx=2"},
	}
	for _, kind := range []string{world.InitramfsTools, world.InitramfsToolsGeneric, world.Dracut, world.DracutGeneric} {
		initrd, err := w.Other(b.Context(), shared.kernel, kind)
		if err != nil {
			b.Fatal(err)
		}
		peers = append(peers, &peer{name: kind, initrd: initrd})
	}
	return peers
}

// toInit boots once. The kernel says on the console when it starts /init; the
// system's init notes when it began.
func toInit(b *testing.B, path string, p *peer) float64 {
	m := startImage(b, path, "loglevel=7 "+p.words, p.initrd)
	m.expect("Run /init as init process")
	m.expect("is up")
	m.expect("# ")
	log, err := os.ReadFile(filepath.Join(shared.dir, machineName(b)+".log"))
	if err != nil {
		b.Fatal(err)
	}
	before, _, _ := strings.Cut(string(log), "] Run /init as init process")
	stamp := before[strings.LastIndex(before, "[")+1:]
	started, err := strconv.ParseFloat(strings.TrimSpace(stamp), 64)
	if err != nil {
		b.Fatal(err)
	}
	up, err := strconv.ParseFloat(m.run("echo $MINI_UP"), 64)
	if err != nil {
		b.Fatal(err)
	}
	m.powerOff()
	return up - started
}
