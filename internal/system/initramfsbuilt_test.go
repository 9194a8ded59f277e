package system_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moss/initramfs/image"
	"moss/internal/system"
	"moss/internal/testutil"
)

const builtFolder = ".moss/boot/initrd"

// withoutInitrd is a bootable package whose kernel comes without an image, but with
// moss-init and modules.
func withoutInitrd(version string) testutil.Stone {
	one := base()
	one.Version = version
	delete(one.Files, "lib/kernel/"+kernel+"/50-moss.initrd")
	one.Files["lib/moss/moss-init"] = "0755:" + testutil.StaticProgram()
	one.Files["lib/modules/"+kernel+"/kernel/ext4.ko"] = "\x7fELF ext4"
	one.Files["lib/modules/"+kernel+"/kernel/btrfs.ko"] = "\x7fELF btrfs"
	one.Files["lib/modules/"+kernel+"/modules.dep"] = "kernel/ext4.ko:\nkernel/btrfs.ko:\n"
	return one
}

// builtImages lists the folder of built images: images first, then links to them.
func builtImages(t *testing.T, root string) (images, links []string) {
	t.Helper()
	rows, err := os.ReadDir(filepath.Join(root, builtFolder))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, row := range rows {
		if row.Type().IsRegular() {
			images = append(images, row.Name())
			continue
		}
		target, err := os.Readlink(filepath.Join(root, builtFolder, row.Name()))
		if err != nil {
			t.Fatal(err)
		}
		links = append(links, row.Name()+" -> "+target)
	}
	return images, links
}

func imageNames(t *testing.T, path string) []string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	list, err := image.List(file)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, filepath.Base(e.Name))
	}
	return names
}

func TestTransactionBuildsTheImage(t *testing.T) {
	root := newRoot(t)
	opt := options(root)
	var said []string
	opt.Log = func(line string) { said = append(said, line) }
	opt.DryRun = true
	install(t, opt, withoutInitrd("1"))
	if text := strings.Join(said, "\n"); !strings.Contains(text, "image of kernel "+kernel+" would be built") || strings.Contains(text, "has no initrd") {
		t.Errorf("dry run: got %q, want that the image would be built", text)
	}
	if images, _ := builtImages(t, root); images != nil {
		t.Errorf("a dry run built %v", images)
	}
	opt.DryRun = false
	install(t, opt, withoutInitrd("1"))
	images, links := builtImages(t, root)
	if len(images) != 1 || !slices.Equal(links, []string{"1-" + kernel + " -> " + images[0]}) {
		t.Fatalf("got %v and %v, want one image and the link of state 1", images, links)
	}
	first := filepath.Join(root, builtFolder, images[0])
	if names := imageNames(t, first); !slices.Contains(names, "btrfs.ko") || !slices.Contains(names, "init") {
		t.Errorf("got %v, want the generic image", names)
	}
	for name, text := range entries(t, root) {
		if strings.Count(text, "initrd ") != 1 {
			t.Errorf("%s: got %s, want one initrd", name, text)
		}
	}
	before, _ := os.Stat(first)

	// Another state with the same kernel and configuration builds nothing.
	said = nil
	install(t, opt, withoutInitrd("2"))
	after, err := os.Stat(first)
	if err != nil || !os.SameFile(before, after) || strings.Contains(strings.Join(said, "\n"), "built the early-boot image") {
		t.Errorf("got %q, want the image of before", said)
	}
	if _, links := builtImages(t, root); len(links) != 2 {
		t.Errorf("got %v, want a link for each state", links)
	}

	// With other words a new state gets another image; the old ones keep theirs.
	testutil.Tree{"etc/moss/initramfs.yaml": "omit: [btrfs]\n"}.Create(t, root)
	install(t, opt, withoutInitrd("3"))
	images, links = builtImages(t, root)
	mine := links[len(links)-1]
	if len(images) != 2 || len(links) != 3 || strings.HasSuffix(mine, filepath.Base(first)) || !strings.HasSuffix(links[0], filepath.Base(first)) {
		t.Fatalf("got %v and %v, want a second image for state 3 alone", images, links)
	}
	if names := imageNames(t, filepath.Join(root, builtFolder, strings.Split(mine, " -> ")[1])); slices.Contains(names, "btrfs.ko") {
		t.Errorf("got %v, want no btrfs", names)
	}
}

func TestSyncFollowsTheConfigurationAndSweeps(t *testing.T) {
	root := newRoot(t)
	install(t, options(root), withoutInitrd("1"))
	first, _ := builtImages(t, root)
	testutil.Tree{"etc/moss/initramfs.yaml": "omit: [btrfs]\n", builtFolder + "/.left.img.tmp-1": "cut off"}.Create(t, root)
	planned, err := system.PlanMenu(t.Context(), options(root))
	if images, _ := builtImages(t, root); err != nil || len(images) != 2 {
		t.Fatalf("a plan changed something: %v, %v, %v", images, planned, err)
	}
	if _, err := system.SyncMenu(t.Context(), options(root)); err != nil {
		t.Fatal(err)
	}
	images, links := builtImages(t, root)
	if len(images) != 1 || images[0] == first[0] || links[0] != "1-"+kernel+" -> "+images[0] {
		t.Errorf("got %v and %v, want the new image alone", images, links)
	}
	done, err := system.SyncMenu(t.Context(), options(root))
	if again, _ := builtImages(t, root); err != nil || len(done.Steps) != 0 || !slices.Equal(again, images) {
		t.Errorf("a second sync: got %v, %v, %v, want nothing", again, done.Steps, err)
	}
	// A lost image comes back.
	if err := os.Remove(filepath.Join(root, builtFolder, images[0])); err != nil {
		t.Fatal(err)
	}
	if _, err := system.SyncMenu(t.Context(), options(root)); err != nil {
		t.Fatal(err)
	}
	if again, _ := builtImages(t, root); !slices.Equal(again, images) {
		t.Errorf("got %v, want %v again", again, images)
	}
}

func TestImageThatCannotBeBuiltChangesNothing(t *testing.T) {
	root := newRoot(t)
	install(t, options(root), base())
	for text, want := range map[string]string{
		"modules: [nosuch]\n":   "build early-boot image of kernel " + kernel + ": kernel " + kernel + ": nosuch: no such module",
		"mode: host\n":          "is not the root of the running system",
		"luks: yes\n":           "install moss-unlock, or write luks: no",
		"files: [/etc/gone]\n":  "take file /etc/gone into the image",
		"programs: [nothing]\n": "take program nothing into the image",
		"mode: [\n":             "etc/moss/initramfs.yaml",
	} {
		testutil.Tree{"etc/moss/initramfs.yaml": text}.Create(t, root)
		_, err := system.Transact(t.Context(), options(root), system.Change{Stones: write(t, withoutInitrd("2"))})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: got %v, want one line with %q", text, err, want)
		}
		if id := live(t, root); id != 1 {
			t.Errorf("%q: state %d is live, want 1", text, id)
		}
		if images, _ := builtImages(t, root); images != nil {
			t.Errorf("%q: left %v", text, images)
		}
	}
}

func TestPrebuiltImagesStayAlone(t *testing.T) {
	root := newRoot(t)
	one := withoutInitrd("1")
	one.Files["lib/kernel/"+kernel+"/50-own.initrd"] = "prebuilt"
	install(t, options(root), one)
	if images, _ := builtImages(t, root); images != nil {
		t.Errorf("got %v, want none beside a prebuilt one", images)
	}
}
