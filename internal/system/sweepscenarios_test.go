//go:build faultinject

package system_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"moss/internal/system"
	"moss/internal/testutil"
	"moss/internal/testutil/need"
)

// scenario is a command, the points that it passes, and a root on which it does.
type scenario struct {
	name, verb string
	points     []string
	setup      func(*testing.T, *bench)
	damaged    bool // it begins with damage that it mends path by path
	onward     bool // what is done of the menu and the states stays done after an error
	once       bool // done, it cannot be done again
	foreign    bool // AerynOS' moss has been here
	inside     bool // it runs on the root as the system's own
}

// The points of parts that several commands have in common.
func preparing() []string {
	return []string{"transaction/recover", "transaction/refresh", "transaction/resolve", "transaction/download", "transaction/plan",
		"transaction/space", "transaction/unpack"}
}

func staging() []string {
	return []string{"transaction/stage", "blit/folders", "blit/files", "transaction/triggers", "transaction/check", "transaction/room",
		"transaction/seal", "seal/sync", "seal/recorded", "seal/sealed", "transaction/menu"}
}

func unpacking() []string { return []string{"unpack/sync", "unpack/publish", "unpack/record"} }

func offering() []string {
	return []string{"menu/copy", "menu/sync", "menu/entry", "menu/done", "menu/list"}
}

func exchanging() []string {
	return []string{"activate/exchanging", "activate/exchanged", "activate/renamed"}
}

func finishing() []string {
	return []string{"transaction/exchange", "transaction/links", "transaction/system"}
}

func fetching() []string {
	return []string{"repo/fetched", "repo/store", "download/begin", "download/sync", "download/rename"}
}

// points are those of an install from files, of which the model test draws one.
func points() []string {
	return slices.Concat(preparing(), unpacking(), staging(), offering(), finishing(), exchanging())
}

func crashPoints() []string { return points() }

func scenarios() []scenario {
	return []scenario{
		{name: "install", verb: "install", points: points(), setup: withFiles},
		{name: "first install", verb: "install", onward: true, points: []string{"seal/sealed", "menu/folder", "menu/marker", "menu/copy", "menu/entry", "menu/list",
			"activate/exchanging", "activate/exchanged", "activate/renamed", "transaction/links"}, setup: onNothing},
		{name: "install after a cut", verb: "install", points: []string{"activate/mending", "menu/entry"}, setup: misnamed},
		{name: "upgrade", verb: "upgrade", setup: withRepository("http"),
			points: slices.Concat(preparing(), fetching(), unpacking(), staging(), offering(), finishing(), exchanging(),
				[]string{"trigger/run", "trigger/merge", "trigger/done"})},
		{name: "upgrade for the next boot", verb: "upgrade --next-boot", points: slices.Concat(fetching(), offering(), finishing()), setup: withRepository("file")},
		{name: "live install", verb: "live", points: []string{"transaction/system", "trigger/system"}, setup: withSystemTrigger, inside: true},
		{name: "remove", verb: "remove", once: true, points: slices.Concat(staging(), []string{"menu/entry", "menu/done", "menu/list"}, finishing(), exchanging()), setup: withApp},
		{name: "activate", verb: "activate", points: slices.Concat([]string{"activation/menu", "activation/exchange", "menu/entry", "menu/done", "menu/list"}, exchanging()), setup: withStates(3)},
		{name: "install on an older state", verb: "install", points: []string{"menu/entry", "menu/list", "transaction/exchange", "activate/exchanging"}, setup: withOlder},
		{name: "activate for the next boot", verb: "activate --next-boot", points: []string{"activation/menu", "menu/entry", "menu/list", "activation/exchange"}, setup: withStates(3)},
		{name: "full menu", verb: "install", points: []string{"menu/copy", "menu/sync", "menu/entry", "menu/drop", "menu/sweep", "menu/done", "menu/list", "transaction/exchange", "activate/exchanged", "transaction/system"},
			setup: func(t *testing.T, b *bench) { withStates(6)(t, b); b.stones = write(t, baseOf(7)) }},
		{name: "prune", verb: "prune", onward: true, setup: withStates(4),
			points: []string{"prune/menu", "menu/drop", "menu/sweep", "menu/done", "menu/list", "prune/state", "prune/rows", "prune/assets", "prune/done"}},
		{name: "repair", verb: "repair", damaged: true, onward: true, setup: withDamage,
			points: slices.Concat([]string{"repair/asset", "repair/place", "repair/done"}, offering(), []string{"download/begin", "download/sync", "download/rename"})},
		{name: "adopt", verb: "adopt", onward: true, foreign: true, setup: withForeign,
			points: slices.Concat([]string{"adopt/staging", "adopt/assets", "adopt/manifests", "adopt/record", "adopt/menu", "menu/config"}, offering())},
		{name: "menu", verb: "menu", damaged: true, onward: true, points: slices.Concat([]string{"menu/sweep"}, offering()), setup: withBrokenMenu},
		{name: "update", verb: "update", points: []string{"repo/fetched", "repo/store"}, setup: withRepository("http")},
	}
}

// app is a package that shares some of its contents with its other versions.
func app(version string, more testutil.Tree) testutil.Stone {
	s := testutil.Stone{Name: "app", Version: version, Release: uint64(version[0] - '0'), Files: testutil.Tree{"bin/app": "0755:app " + version, "share/app/same": "the same",
		"share/app/version": version, "share/app/v" + version: version, "share/app/link": "-> v" + version, "share/app/empty": "", "share/app/suid": "4755:suid " + version}}
	for name, value := range more {
		s.Files[name] = value
	}
	return s
}

// baseOf is a base with a kernel of its own.
func baseOf(n int) testutil.Stone {
	s := base()
	s.Version, s.Release = fmt.Sprint(n), uint64(n)
	s.Files["lib/kernel/"+kernel+"/vmlinuz"] = fmt.Sprint("kernel ", n)
	return s
}

func withFiles(t *testing.T, b *bench) {
	install(t, options(b.root), base(), app("1", nil))
	b.stones = write(t, baseOf(2), app("2", nil))
}

func onNothing(t *testing.T, b *bench) { b.stones = write(t, base(), app("1", nil)) }

func withApp(t *testing.T, b *bench) { install(t, options(b.root), base(), app("1", nil)) }

// misnamed is what a cut right after an exchange leaves.
func misnamed(t *testing.T, b *bench) {
	withStates(2)(t, b)
	folder := filepath.Join(b.root, ".moss/root")
	if err := os.Rename(filepath.Join(folder, "1"), filepath.Join(folder, "2")); err != nil {
		t.Fatal(err)
	}
	b.stones = write(t, app("1", nil))
}

func withStates(n int) func(*testing.T, *bench) {
	return func(t *testing.T, b *bench) {
		for i := range n {
			opt := options(b.root)
			opt.Now = opt.Now.Add(time.Duration(i) * time.Minute)
			install(t, opt, baseOf(i+1))
		}
	}
}

// publishApp offers a version of app with a transaction trigger.
func publishApp(t *testing.T, b *bench, version string) {
	const name = "share/moss/triggers/tx.d/app.yaml"
	app(version, testutil.Tree{name: "name: app\ndescription: a test's\nhandlers:\n  it: {run: /bin/sh, args: ['-c', 'read v </usr/share/app/version; echo made of $v >/usr/share/made']}\n" +
		"paths: {/usr/" + name + ": {handlers: [it]}}\n"}).Write(t, b.repo)
	publish(t, b.repo)
	// A server tells changes by the second; there are more in one here.
	now := time.Now().Add(time.Duration(version[0]) * time.Minute)
	if err := os.Chtimes(filepath.Join(b.repo, "stone.index"), now, now); err != nil {
		t.Fatal(err)
	}
}

// withRepository has version 1 of app installed from a repository that now has
// version 2.
func withRepository(scheme string) func(*testing.T, *bench) {
	return func(t *testing.T, b *bench) {
		shell := hostPrograms(t, "sh")
		publishApp(t, b, "1")
		address := "file://" + b.repo
		if scheme == "http" {
			server := httptest.NewServer(http.FileServer(http.Dir(b.repo)))
			t.Cleanup(server.Close)
			address = server.URL
		}
		install(t, options(b.root), base(), shell)
		n := system.NewRepository{Name: "test", URI: address, Unsigned: true}
		if _, err := system.AddRepository(t.Context(), options(b.root), n); err != nil {
			t.Fatal(err)
		}
		if _, err := system.Transact(t.Context(), options(b.root), system.Change{Install: []string{"app"}}); err != nil {
			t.Fatal(err)
		}
		baseOf(2).Write(t, b.repo)
		publishApp(t, b, "2")
	}
}

func withSystemTrigger(t *testing.T, b *bench) {
	need.Root(t, "changing the root")
	testutil.Tree{"tmp/": "", "proc/": "", "dev/": "", "var/cache/stale/x": "x"}.Create(t, b.root)
	install(t, options(b.root), base())
	stones := write(t, testutil.Stone{Name: "p", Files: testutil.Tree{sysFolder + "a.yaml": sysTrigger("a", "delete: [/var/cache/stale]", "")}})
	if err := os.Rename(stones[0], filepath.Join(b.root, "p.stone")); err != nil {
		data, err := os.ReadFile(stones[0])
		if err = errors.Join(err, os.WriteFile(filepath.Join(b.root, "p.stone"), data, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	b.stones = []string{"/p.stone"}
}

// withDamage harms a content that another state still has, one that only the
// repository has, a mode, and boot files.
func withDamage(t *testing.T, b *bench) {
	publishApp(t, b, "1")
	install(t, options(b.root), base(), hostPrograms(t, "sh"))
	addRepository(t, b.root, b.repo)
	if _, err := system.Transact(t.Context(), options(b.root), system.Change{Install: []string{"app"}}); err != nil {
		t.Fatal(err)
	}
	install(t, options(b.root), baseOf(2))
	downloads, _ := filepath.Glob(filepath.Join(b.root, ".moss/cache/downloads/*"))
	kernels, _ := filepath.Glob(filepath.Join(b.root, "efi/moss-*/*.linux"))
	confs, _ := filepath.Glob(filepath.Join(b.root, "efi/loader/entries/*-3-*.conf"))
	for _, path := range append(append(downloads, kernels...), confs...) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	usr := filepath.Join(b.root, "usr")
	harm(t, filepath.Join(usr, "bin/app")) // one content, under all of its names
	release := filepath.Join(usr, "lib/os-release")
	if err := errors.Join(os.Remove(release), os.WriteFile(release, []byte("harm"), 0o644), os.Remove(filepath.Join(usr, "share/app/same")),
		os.Chmod(filepath.Join(usr, "share/app"), 0o700)); err != nil {
		t.Fatal(err)
	}
}

// withForeign is an AerynOS installation that was cut while it staged state 2.
func withForeign(t *testing.T, b *bench) {
	i := aerynos(t)
	if err := errors.Join(os.Mkdir(i.Path("root/staging"), 0o755), os.Rename(i.Path("root/2/usr"), i.Path("root/staging/usr")), os.Remove(i.Path("root/2")), os.RemoveAll(b.root)); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-a", i.Root, b.root).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// withOlder runs state 1, by choice, when 2 is the newest.
func withOlder(t *testing.T, b *bench) {
	withStates(2)(t, b)
	if _, err := system.Activate(t.Context(), options(b.root), 1); err != nil {
		t.Fatal(err)
	}
	b.stones = write(t, app("1", nil))
}

// withBrokenMenu lacks a kernel and an entry, and has a file that nobody needs.
func withBrokenMenu(t *testing.T, b *bench) {
	withStates(2)(t, b)
	kernels, _ := filepath.Glob(filepath.Join(b.root, "efi/moss-*/*.linux"))
	confs, _ := filepath.Glob(filepath.Join(b.root, "efi/loader/entries/*-2-*.conf"))
	for _, path := range append(kernels, confs...) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	stale := filepath.Join(filepath.Dir(kernels[0]), strings.Repeat("0", 32)+".linux")
	if err := os.WriteFile(stale, []byte("unused"), 0o644); err != nil {
		t.Fatal(err)
	}
}
