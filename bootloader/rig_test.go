package bootloader_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"moss/bootloader"
	"moss/bootloader/bls"
	"moss/bootloader/esp"
	"moss/internal/testutil"
)

const token = "abcd1234"

// rig is a $BOOT and the folder that states take their kernels from.
type rig struct {
	t    testing.TB
	host string
	boot esp.Boot
}

func newRig(t testing.TB, tree testutil.Tree) rig {
	t.Helper()
	dir := t.TempDir()
	r := rig{t: t, host: filepath.Join(dir, "host"), boot: esp.Boot{ESP: filepath.Join(dir, "boot"), Dir: filepath.Join(dir, "boot")}}
	for _, path := range []string{r.host, r.boot.Dir} {
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	tree.Create(t, r.boot.Dir)
	return r
}

// file makes a file that holds text, once, and returns its path.
func (r rig) file(text string) string {
	r.t.Helper()
	path := filepath.Join(r.host, "f-"+hash(text)[:8])
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
	return path
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// name is where a file with this content is on $BOOT.
func name(text, suffix string) string {
	return "moss-" + token + "/" + hash(text)[:32] + suffix
}

// state has one kernel for each "version=content+initrd+initrd".
func (r rig) state(id uint64, kernels ...string) bootloader.State {
	s := bootloader.State{
		ID: id, Created: time.Date(2026, 11, 22, 3, 30, int(id), 0, time.UTC), Summary: fmt.Sprintf("step %d", id),
		OSID: "debian", OSName: "Debian GNU/Linux 12 (bookworm)",
	}
	for _, text := range kernels {
		version, files, _ := strings.Cut(text, "=")
		parts := strings.Split(files, "+")
		k := bootloader.Kernel{Version: version, Image: r.file(parts[0]), Cmdline: []string{"root=PARTUUID=x", fmt.Sprintf("moss.fstx=%d", id), "quiet"}}
		for _, initrd := range parts[1:] {
			k.Initrds = append(k.Initrds, r.file(initrd))
		}
		s.Kernels = append(s.Kernels, k)
	}
	return s
}

func want(states ...bootloader.State) bootloader.Want {
	return bootloader.Want{Token: token, MachineID: strings.Repeat("0a", 16), States: states}
}

func (r rig) scan() bootloader.Found {
	r.t.Helper()
	found, err := bootloader.Scan(r.boot, token)
	if err != nil {
		r.t.Fatal(err)
	}
	return found
}

// plan is Digest, Scan and MakePlan.
func (r rig) plan(w bootloader.Want) (bootloader.Plan, error) {
	r.t.Helper()
	contents, err := bootloader.Digest(w)
	if err != nil {
		r.t.Fatal(err)
	}
	w.Contents = contents
	return bootloader.MakePlan(w, r.scan())
}

// sync makes the menu as wanted and returns the plan.
func (r rig) sync(w bootloader.Want) bootloader.Plan {
	r.t.Helper()
	plan, err := r.plan(w)
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := bootloader.Apply(plan, nil); err != nil {
		r.t.Fatal(err)
	}
	return plan
}

func (r rig) path(rel string) string { return filepath.Join(r.boot.Dir, rel) }

func (r rig) read(rel string) string {
	r.t.Helper()
	text, err := os.ReadFile(r.path(rel))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(text)
}

func (r rig) write(rel, text string) {
	r.t.Helper()
	testutil.Tree{rel: text}.Create(r.t, r.boot.Dir)
}

func (r rig) exists(rel string) bool {
	_, err := os.Lstat(r.path(rel))
	return err == nil
}

// entries are the names of our entries, sorted, without "moss-<token>-".
func (r rig) entries() []string {
	var files []string
	for _, own := range r.scan().Ours {
		files = append(files, strings.TrimPrefix(own.File, "moss-"+token+"-"))
	}
	slices.Sort(files)
	return files
}

func ops(p bootloader.Plan) string {
	var list []string
	for _, step := range p.Steps {
		list = append(list, string(step.Op))
	}
	return strings.Join(list, " ")
}

// chosen is the entry that the loader would start.
func (r rig) chosen() bls.Entry {
	r.t.Helper()
	found := r.scan()
	var entries []bls.Entry
	for _, own := range found.Ours {
		entries = append(entries, own.Entry)
	}
	e, _, ok := bls.Default(entries, bls.Vars{Config: bls.ConfigDefault(found.ConfigText)})
	if !ok {
		r.t.Fatal("got no entry that the loader would start")
	}
	return e
}

// setTries counts the boots of all states.
func setTries(w bootloader.Want, tries uint) {
	for i := range w.States {
		w.States[i].Tries = tries
	}
}
