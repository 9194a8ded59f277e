package early

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"moss/internal/cmdline"
)

func TestMountOptions(t *testing.T) {
	for line, want := range map[string]struct {
		flags uintptr
		data  string
	}{
		"":                               {unix.MS_RDONLY, ""},
		"rw":                             {0, ""},
		"rw ro":                          {unix.MS_RDONLY, ""},
		"ro rw quiet":                    {0, ""},
		"rw rootflags=subvol=@,noatime":  {unix.MS_NOATIME, "subvol=@"},
		"rootflags=rw,defaults,,data=x":  {0, "data=x"},
		"rw rootflags=a rootflags=ro,b":  {unix.MS_RDONLY, "b"},
		`rw rootflags="x=a b,nodev"`:     {unix.MS_NODEV, "x=a b"},
		"rw rootflags=compress=zstd,ssd": {0, "compress=zstd,ssd"},
		"rw rootflags=x-systemd.device-timeout=0,nofail,_netdev,X-a,comment=b,auto": {0, ""},
		"rw rootflags=noatime,nodev,async,atime,exec":                               {unix.MS_NODEV, ""},
	} {
		flags, data := mountOptions(cmdline.Parse(line))
		if flags != want.flags || data != want.data {
			t.Errorf("%q: got %#x, %q, want %#x, %q", line, flags, data, want.flags, want.data)
		}
	}
}

func TestRootTypes(t *testing.T) {
	for _, tt := range []struct {
		line, held, want, err string
	}{
		{"", "ext3", "ext4", ""},
		{"", "btrfs", "btrfs", ""},
		{"rootfstype=xfs,ext4", "", "xfs", ""},
		{"rootfstype=auto", "ext2", "ext4", ""},
		{"", "", "", "holds no file system that moss-init knows"},
		{"", "crypto_LUKS", "", "only an initramfs with the tools for crypto_LUKS"},
		{"", "swap", "", "tools for swap"},
	} {
		b := &Boot{line: cmdline.Parse(tt.line), root: &blockDevice{Name: "vda", Holds: superblock{Type: tt.held}}}
		got, err := b.rootTypes()
		if tt.want != "" && (err != nil || got[0] != tt.want) {
			t.Errorf("%+v: got %v, %v", tt, got, err)
		}
		if tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%+v: got %v, %v", tt, got, err)
		}
	}
}
