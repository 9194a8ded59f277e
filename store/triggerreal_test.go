package store_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moss/internal/testutil"
	"moss/store"
)

const (
	mimeXML = `<?xml version="1.0"?><mime-info xmlns="http://www.freedesktop.org/standards/shared-mime-info">
<mime-type type="application/x-moss-test"><comment>a test</comment><glob pattern="*.mosstest"/></mime-type></mime-info>`
	schemaXML = `<?xml version="1.0"?><schemalist><schema id="org.moss.test" path="/org/moss/test/"><key name="answer" type="i"><default>42</default></key></schema></schemalist>`
)

// TestRealTransactionTriggers runs programs of Debian as a distribution's
// triggers do, with what they need and nothing else.
func TestRealTransactionTriggers(t *testing.T) {
	m := newMachine(t)
	programs := programStone(t, "depmod", "update-mime-database", "glib-compile-schemas")
	files := testutil.Tree{
		"share/mime/packages/test.xml":                  mimeXML,
		"share/glib-2.0/schemas/org.test.gschema.xml":   schemaXML,
		"lib/modules/6.1.0-test/modules.order":          "",
		"lib/modules/6.1.0-test/modules.builtin":        "",
		"lib/modules/6.1.0-test/kernel/not-a-module.md": "x",
		txFolder + "depmod.yaml":                        "name: depmod\ndescription: d\nhandlers: {it: {run: /sbin/depmod, args: [-a, $(version)]}}\npaths: {'/usr/lib/modules/(version:*)/kernel': {handlers: [it], type: directory}}\n",
		txFolder + "mime.yaml":                          "name: mime\ndescription: d\npure: true\nhandlers: {it: {run: update-mime-database, args: [/usr/share/mime]}}\npaths: {'/usr/share/mime/packages/*.xml': {handlers: [it]}}\n",
		txFolder + "schemas.yaml":                       "name: schemas\ndescription: d\npure: true\nhandlers: {it: {run: glib-compile-schemas, args: [/usr/share/glib-2.0/schemas]}}\npaths: {'/usr/share/glib-2.0/schemas/*.xml': {handlers: [it]}}\n",
	}
	modules := realModules(t, files)
	programs.Files["sbin/depmod"] = "-> ../bin/depmod"
	id, report := m.triggered(store.TriggerOptions{}, m.unpack(programs, testutil.Stone{Name: "p", Files: files})...)
	if got := strings.Join(did(report), ", "); got != "depmod ran, mime ran, schemas ran" {
		t.Errorf("got %s", got)
	}
	for path, want := range map[string]string{
		"usr/lib/modules/6.1.0-test/modules.dep":       modules,
		"usr/share/mime/mime.cache":                    "application/x-moss-test",
		"usr/share/mime/globs2":                        "50:application/x-moss-test:*.mosstest",
		"usr/share/glib-2.0/schemas/gschemas.compiled": "org.moss.test",
	} {
		if got := m.read(path); !strings.Contains(got, want) {
			t.Errorf("%s: %.200q does not hold %q", path, got, want)
		}
	}
	manifest, err := m.s.Manifest(id)
	if err != nil {
		t.Fatal(err)
	}
	if got := owner(manifest, "share/mime/mime.cache"); got != "trigger:mime" {
		t.Errorf("mime.cache belongs to %s", got)
	}
	_, report = m.triggered(store.TriggerOptions{Previous: manifest}, m.unpack(testutil.Stone{Name: "other", Files: testutil.Tree{"share/doc": "x"}})...)
	if got := strings.Join(did(report), ", "); got != "depmod ran, mime carried over, schemas carried over" {
		t.Errorf("the second time: got %s", got)
	}
}

// realModules adds two modules of Debian's kernel, one needing the other, where
// the virtual machines' tests have left them, and returns the line that depmod
// has to write. Without them depmod has only an empty index to write.
func realModules(t *testing.T, files testutil.Tree) string {
	t.Helper()
	const from = "kernel/net/vmw_vsock/"
	for _, name := range []string{"vsock.ko", "vsock_loopback.ko", "vmw_vsock_virtio_transport_common.ko"} {
		found, _ := filepath.Glob(filepath.Join(testutil.Repo(t), "build/kernel-*/usr/lib/modules/*", from, name))
		if len(found) == 0 {
			t.Log("no kernel modules under build: depmod is tested without any")
			return ""
		}
		data, err := os.ReadFile(found[0])
		if err != nil {
			t.Fatal(err)
		}
		files["lib/modules/6.1.0-test/"+from+name] = "0644:" + string(data)
	}
	return from + "vsock_loopback.ko: " + from + "vmw_vsock_virtio_transport_common.ko " + from + "vsock.ko"
}
