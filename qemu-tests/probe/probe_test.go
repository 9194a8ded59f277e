package probe

import (
	"bytes"
	"debug/pe"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestProgramsAreEFIPrograms(t *testing.T) {
	payload := bytes.Repeat([]byte("payload"), 1000)
	for name, c := range map[string]struct {
		file []byte
		kind uint16
		body []byte
	}{
		"kernel": {Image(payload), pe.IMAGE_SUBSYSTEM_EFI_APPLICATION, payload},
		"hasty":  {hasty(), pe.IMAGE_SUBSYSTEM_EFI_BOOT_SERVICE_DRIVER, []byte{0x40, 0x42, 0x0f}},
	} {
		file, err := pe.NewFile(bytes.NewReader(c.file))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		header := file.OptionalHeader.(*pe.OptionalHeader64)
		if file.Machine != pe.IMAGE_FILE_MACHINE_AMD64 || header.Subsystem != c.kind || header.AddressOfEntryPoint != file.Sections[0].VirtualAddress {
			t.Errorf("%s: got machine %x, subsystem %d, entry point %x", name, file.Machine, header.Subsystem, header.AddressOfEntryPoint)
		}
		code, err := file.Sections[0].Data()
		if err != nil || !bytes.Contains(code, c.body) {
			t.Errorf("%s: the section does not hold what belongs into it: %v", name, err)
		}
		if size := header.SizeOfImage; size%header.SectionAlignment != 0 || size < header.SectionAlignment+uint32(len(code)) {
			t.Errorf("%s: got a size of %d in memory for %d bytes of code", name, size, len(code))
		}
	}
}

func TestDump(t *testing.T) {
	want := Variables{"LoaderEntryDefault": Text("moss-*"), "LoaderFeatures": {1, 2, 3, 4, 5, 6, 7, 8}, "LoaderEntries": append(Text("a.conf"), Text("Grüße.conf")...)}
	dump := want.dump()
	got, err := parseDump(dump)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("got %v, %s", err, diff)
	}
	if got, want := got.Strings("LoaderEntries"), []string{"a.conf", "Grüße.conf"}; !cmp.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for n := range dump {
		if got, err := parseDump(dump[:n]); err == nil && len(got) == len(want) {
			t.Errorf("%d of %d bytes: got everything", n, len(dump))
		}
		damaged := bytes.Clone(dump)
		damaged[n] ^= 1
		if got, err := parseDump(damaged); err == nil && cmp.Equal(got, want) {
			t.Errorf("a bit of byte %d is wrong: got no error and the same variables", n)
		}
	}
}

// TestScriptAsksEveryPartition: the shell has no loop that is quick enough, so
// each has its line.
func TestScriptAsksEveryPartition(t *testing.T) {
	text := startup(perRun)
	if got := strings.Count(text, `\ask.nsh `); got != perRun {
		t.Errorf("got %d questions, want %d", got, perRun)
	}
	if !strings.Contains(text, fmt.Sprintf("\r\nfs%d:\\ask.nsh fs%[1]d:\r\n", perRun)) || !strings.HasSuffix(text, "\r\nreset -s\r\n") {
		t.Errorf("got %q", text)
	}
}
