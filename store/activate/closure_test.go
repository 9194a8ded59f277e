package activate_test

import (
	"path/filepath"
	"strings"
	"testing"

	"moss/internal/testutil"
	"moss/store/activate"
)

// FuzzClosure: whatever a library and the list of library folders hold, the check
// ends with an answer on one line.
func FuzzClosure(f *testing.F) {
	whole := activate.ElfSpec{Soname: "liba.so", Needed: []string{"libb.so", "liba.so"}, Runpath: "$ORIGIN/../x:${LIB}"}.Bytes()
	f.Add(whole, "/opt/lib\ninclude /etc/ld.so.conf.d/*.conf\n")
	f.Add(whole[:len(whole)/2], "include /etc/ld.so.conf")
	f.Add([]byte{}, "\x00/\x1b[2J")
	f.Fuzz(func(t *testing.T, library []byte, conf string) {
		dir := t.TempDir()
		loader := activate.ElfSpec{Soname: "ld.so"}.Bytes()
		init := activate.ElfSpec{Program: true, Interp: "/usr/lib/ld.so", Needed: []string{"liba.so"}}.Bytes()
		testutil.Tree{
			"usr/sbin/init": "0755:" + string(init), "usr/lib/ld.so": "0755:" + string(loader), "etc/": "",
			"usr/lib/libb.so": string(activate.ElfSpec{Soname: "libb.so"}.Bytes()),
		}.Create(t, dir)
		write(t, filepath.Join(dir, "etc/ld.so.conf"), []byte(conf), 0o644)
		write(t, filepath.Join(dir, "usr/lib/liba.so"), library, 0o755)
		err := activate.Open(dir).Check(filepath.Join(dir, "usr"), activate.Checks{Init: "/usr/sbin/init"})
		if err != nil && strings.ContainsAny(err.Error(), "\n\x1b\x00") {
			t.Errorf("got %q, want one line to print", err)
		}
	})
}
