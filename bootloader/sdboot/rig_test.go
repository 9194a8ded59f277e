package sdboot_test

import (
	"cmp"
	"debug/pe"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moss/bootloader/efivar"
	"moss/bootloader/esp"
	"moss/bootloader/sdboot"
	"moss/bootloader/sdboot/sdboottest"
	"moss/internal/testutil"
)

const (
	mainX64     = "EFI/systemd/systemd-bootx64.efi"
	fallbackX64 = "EFI/BOOT/BOOTX64.EFI"
	keptX64     = mainX64 + ".previous"
	guid        = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
)

func program(machine uint16, text string, signed bool) string {
	return sdboottest.Program(machine, text, signed)
}

func magic(version string) string { return sdboottest.Magic(version) }
func boot(version string) string  { return program(pe.IMAGE_FILE_MACHINE_AMD64, magic(version), false) }
func signedBoot(version string) string {
	return program(pe.IMAGE_FILE_MACHINE_AMD64, magic(version), true)
}

// shim is somebody else's loader.
func shim() string { return program(pe.IMAGE_FILE_MACHINE_AMD64, "shim,1,UEFI", true) }

// rig is an ESP, the firmware's variables, and a program to install.
type rig struct {
	t    testing.TB
	esp  esp.Boot
	vars *efivar.Memory
	ask  sdboot.Request
}

func newRig(t testing.TB, tree testutil.Tree, source string) *rig {
	t.Helper()
	dir := t.TempDir()
	tree.Create(t, dir)
	r := &rig{t: t, esp: esp.Boot{ESP: dir, Dir: dir}, vars: &efivar.Memory{}}
	r.ask = sdboot.Request{Name: "Test OS", Config: []byte("timeout 5\n"), Partition: sdboot.Partition{PARTUUID: guid, Number: 1, Start: 2048, Size: 131072, SectorSize: 512}}
	r.source(source)
	return r
}

func (r *rig) source(content string) {
	r.t.Helper()
	path := filepath.Join(r.t.TempDir(), "systemd-bootx64.efi")
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		r.t.Fatal(err)
	}
	loader, err := sdboot.Read(path)
	if err != nil {
		r.t.Fatal(err)
	}
	r.ask.Sources = []sdboot.Loader{loader}
}

func (r *rig) scan() sdboot.Found {
	r.t.Helper()
	var vars efivar.Vars
	if r.vars != nil {
		vars = r.vars
	}
	found, err := sdboot.Scan(r.esp, vars, "moss-0123456789ab-")
	if err != nil {
		r.t.Fatal(err)
	}
	return found
}

type verb func(sdboot.Request, sdboot.Found) (sdboot.Plan, error)

func (r *rig) plan(do verb) sdboot.Plan {
	r.t.Helper()
	plan, err := do(r.ask, r.scan())
	if err != nil {
		r.t.Fatal(err)
	}
	return plan
}

// run plans, applies, and makes sure that nothing is left to do.
func (r *rig) run(do verb) sdboot.Plan {
	r.t.Helper()
	plan := r.plan(do)
	if warnings, err := sdboot.Apply(plan, r.vars); err != nil || len(warnings) > 0 {
		r.t.Fatalf("got %v, %v", warnings, err)
	}
	r.settled(do)
	return plan
}

func (r *rig) settled(do verb) {
	r.t.Helper()
	if again, err := do(r.ask, r.scan()); err == nil && len(again.Steps) > 0 {
		r.t.Errorf("a second run would %v", ops(again))
	}
}

func (r *rig) refused(do verb, want string) {
	r.t.Helper()
	plan, err := do(r.ask, r.scan())
	var refused *sdboot.RefusedError
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), want) || refused.Hint() == "" {
		r.t.Errorf("got %v, %v, want a refusal with %q and what to do", ops(plan), err, want)
	}
}

func (r *rig) has(rel, want string) {
	r.t.Helper()
	got, err := os.ReadFile(filepath.Join(r.esp.ESP, rel))
	if err != nil || string(got) != want {
		r.t.Errorf("%s: got %d bytes, %v, want the %d bytes it should have", rel, len(got), err, len(want))
	}
}

func (r *rig) lacks(rel string) {
	r.t.Helper()
	if path, ok := esp.Fold(r.esp.ESP, rel); ok {
		r.t.Errorf("%s is there", path)
	}
}

// entry writes a firmware entry for a file of the ESP, or of another partition.
func (r *rig) entry(index uint16, partition, file string, data string) {
	r.t.Helper()
	path, err := sdboot.DevicePath(sdboot.Partition{PARTUUID: partition, Number: 1, Start: 2048, Size: 131072}, file)
	if err != nil {
		r.t.Fatal(err)
	}
	o := sdboot.Option{Attributes: 1, Description: "an entry", Path: path, Data: []byte(data)}
	r.write(fmt.Sprintf("Boot%04X", index), o.Bytes())
}

func (r *rig) write(name string, data []byte) {
	r.t.Helper()
	if err := r.vars.Write(key(name), data, efivar.Stored); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) order(numbers ...uint16) {
	r.t.Helper()
	var data []byte
	for _, n := range numbers {
		data = binary.LittleEndian.AppendUint16(data, n)
	}
	r.write("BootOrder", data)
}

// firmware is the boot variables in short: the order, then the numbers.
func (r *rig) firmware() string {
	r.t.Helper()
	keys, err := r.vars.List()
	if err != nil {
		r.t.Fatal(err)
	}
	var words []string
	for _, k := range keys {
		if k.Name == "BootOrder" || k.Name == "BootNext" {
			data, _, _ := r.vars.Read(k)
			words = append(words, fmt.Sprintf("%s=%x", k.Name, data))
		} else {
			words = append(words, k.Name)
		}
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}

func key(name string) efivar.Key { return efivar.Key{Name: name, Vendor: efivar.GlobalVendor} }

func ops(p sdboot.Plan) []sdboot.Op {
	var all []sdboot.Op
	for _, step := range p.Steps {
		all = append(all, step.Op)
	}
	return all
}

// starts is the firmware: it takes the first entry of its order whose file is a
// whole program, else the fallback path. It says which version starts.
func (r *rig) starts() string {
	r.t.Helper()
	var files []string
	data, _, err := r.vars.Read(key("BootOrder"))
	for ; err == nil && len(data) >= 2; data = data[2:] {
		raw, _, err := r.vars.Read(key(fmt.Sprintf("Boot%04X", binary.LittleEndian.Uint16(data))))
		if err != nil {
			continue
		}
		option, err := sdboot.ParseOption(raw)
		if err != nil {
			continue
		}
		if partition, file, ok := sdboot.Target(option.Path); ok && partition == guid && option.Attributes&1 != 0 {
			files = append(files, file)
		}
	}
	for _, file := range append(files, fallbackX64) {
		path, _ := esp.Fold(r.esp.ESP, file)
		content, _ := os.ReadFile(path)
		if p, err := sdboot.Parse(content); err == nil {
			return cmp.Or(p.Version, "another")
		}
	}
	return ""
}
