package bootloader_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moss/bootloader"
	"moss/internal/testutil"
)

var update = flag.Bool("update", false, "write what was got into testdata")

const foreignEntry = "# made by hand\r\ntitle  Other OS\r\nlinux  /vmlinuz-other\r\n"

// TestGoldenMenus compares the whole of $BOOT, and the plan that led there, with
// files that a person has read.
func TestGoldenMenus(t *testing.T) {
	for _, c := range []struct {
		name   string
		before testutil.Tree
		want   func(rig) bootloader.Want
	}{
		{"first", nil, func(r rig) bootloader.Want {
			return want(r.state(1, "6.1.0-56-amd64=kernel A+initrd A"))
		}},
		{"shared", testutil.Tree{"EFI/BOOT/BOOTX64.EFI": "loader", "loader/loader.conf": "timeout 3\n"}, func(r rig) bootloader.Want {
			return want(r.state(1, "6.1.0-56-amd64=kernel A+initrd A"), r.state(2, "6.1.0-56-amd64=kernel A+initrd A+initrd B"))
		}},
		{"foreign", testutil.Tree{
			"Loader/Entries/other.conf": foreignEntry, "vmlinuz-other": "other kernel", "EFI/Microsoft/Boot/bootmgfw.efi": "windows",
			"Loader/Entries/broken.conf": "\x00\x00", "moss-" + token + "/note.txt": "mine",
		}, func(r rig) bootloader.Want {
			return want(r.state(7, "6.1.0-56-amd64=kernel A+initrd A", "6.12.6_custom+=kernel B"))
		}},
		{"retire", testutil.Tree{
			"loader/entries/moss-" + token + "-1-6.1_.conf":                   "linux /" + name("old", ".linux") + "\n",
			"loader/entries/moss-" + token + "-2-6.1_+2-1.conf":               "linux /" + name("booted", ".linux") + "\n",
			name("old", ".linux"):                                             "old",
			name("booted", ".linux"):                                          "booted",
			"moss-" + token + "/." + "0123.linux.tmp-1":                       "not ours: no such name",
			name("x", ".linux")[:14] + "." + hash("x")[:32] + ".linux.tmp-77": "half",
			"loader/loader.conf":                                              "default moss-" + token + "-1-*\neditor no\n",
		}, func(r rig) bootloader.Want {
			w := want(r.state(3, "6.1=new"))
			w.Booted = 2
			return w
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, c.before)
			plan := r.sync(c.want(r))
			got := r.describe(plan)
			path := filepath.Join("testdata", c.name+".golden")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			golden, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(golden), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func (r rig) describe(plan bootloader.Plan) string {
	var out strings.Builder
	for _, step := range plan.Steps {
		fmt.Fprintf(&out, "%-6s %s\n       %s\n", step.Op, step.Path, step.Text)
	}
	out.WriteString("\n")
	for _, line := range testutil.List(r.t, r.boot.Dir) {
		line = strings.ReplaceAll(line, `\n`, "\n    ")
		out.WriteString(line + "\n")
	}
	return strings.ReplaceAll(out.String(), r.boot.Dir, "$BOOT")
}
