package early

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"moss/internal/gpt"
	"moss/internal/gpt/gpttest"
	"moss/internal/testutil"
)

// plug adds a disk to a machine that is a folder: what sysfs and devtmpfs would
// show of it. With a table it gets partitions, numbered from 1, of which the
// last holds the given front.
func plug(t testing.TB, top, name string, front []byte, labels ...string) {
	t.Helper()
	tree := testutil.Tree{
		"sys/devices/" + name + "/size":                     "2048\n",
		"sys/devices/" + name + "/queue/logical_block_size": "512\n",
		"sys/devices/" + name + "/uevent":                   "MAJOR=254\nMINOR=0\nDEVNAME=" + name + "\nDEVTYPE=disk\n",
	}
	disk := front
	for i, label := range labels {
		disk = table(labels...)
		part := fmt.Sprintf("%s%d", name, i+1)
		tree["sys/devices/"+name+"/"+part+"/size"] = "1024\n"
		tree["sys/devices/"+name+"/"+part+"/uevent"] = fmt.Sprintf("MAJOR=254\nMINOR=%d\nDEVTYPE=partition\nPARTN=%d\nPARTNAME=%s\n", i+1, i+1, label)
		tree["dev/"+part] = string(front)
		link(t, filepath.Join(top, "sys/class/block", part), "../../devices/"+name+"/"+part)
	}
	tree["dev/"+name] = string(disk)
	tree.Create(t, top)
	// Last: a device is announced when all of it is there.
	link(t, filepath.Join(top, "sys/class/block", name), "../../devices/"+name)
}

// table is a disk of 2048 sectors with a GPT.
func table(labels ...string) []byte {
	var parts []gpt.Part
	for i, label := range labels {
		parts = append(parts, gpt.Part{Number: i + 1, Type: "0fc63daf-8483-4772-8e79-3d69d8477de4", Name: label,
			UUID: fmt.Sprintf("12345678-9abc-4def-8123-456789abcd%02x", i+1), First: uint64(64 * (i + 1)), Last: uint64(64*(i+1) + 63)})
	}
	return gpttest.Disk(512, 2048, someUUID, parts...)
}

func link(t testing.TB, path, target string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

func ext4(label string) []byte {
	return put(map[int]string{1024 + 0x38: "\x53\xef", 1024 + 0x60: le(0x40, 4), 1024 + 0x68: rawUUID, 1024 + 0x78: label})
}
