package luks_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moss/initramfs/luks"
)

// TestRefused: what the library would map wrongly, or crash over, is refused in
// words that name the way out.
func TestRefused(t *testing.T) {
	base := format(t, append([]string{"--sector-size", "4096"}, quickPBKDF2...)...)
	argon := format(t, quickArgon...)
	for _, test := range []struct{ name, on, from, to, want string }{
		{"integrity", base, `"sector_size":4096`, `"sector_size":4096,"integrity":{"type":"hmac(sha256)"}`, "integrity"},
		{"half re-encrypted", base, `"config":{`, `"config":{"requirements":{"mandatory":["online-reencrypt-v2"]},`, "cryptsetup reencrypt --resume-only"},
		{"requirement as a list", base, `"config":{`, `"config":{"requirements":["opal"],`, "requires opal"},
		{"two segments", base, `"segments":{`, `"segments":{"1":{"type":"crypt"},`, "2 segments"},
		{"hardware encryption", base, `"type":"crypt"`, `"type":"hw-opal"`, "hw-opal"},
		{"detached", base, `"offset":"16777216"`, `"offset":"0"`, "detached"},
		{"sectors", base, `"sector_size":4096`, `"sector_size":0`, "0 bytes"},
		{"empty digest", base, `"digest":"`, `"digest":"","was":"`, "digest"},
		{"no stripes", base, `"stripes":4000`, `"stripes":1`, "area"},
		{"short area", base, `"size":"258048"`, `"size":"512"`, "area"},
		{"no rounds", base, `"iterations":1000`, `"iterations":0`, "damaged"},
		{"no threads", argon, `"cpus":`, `"cpus":0,"was":`, "key derivation"},
		{"no time", argon, `"time":4`, `"time":0`, "key derivation"},
		{"much memory", argon, `"memory":64`, `"memory":99999999999`, "key derivation"},
		{"no JSON", base, `{"keyslots"`, `{"keyslots`, "damaged"},
		{"a cipher that steers", base, `"encryption":"aes-xts-plain64","sector_size"`, `"encryption":"aes\u001b[2J","sector_size"`, `\x1b`},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := front(t, test.on)
			rewrite(t, path, test.from, test.to)
			_, err := luks.Open(path)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\x1b") {
				t.Errorf("got %v, want it to say %q", err, test.want)
			}
		})
	}
}

func TestRefusedFirst(t *testing.T) {
	cbc := format(t, "--type", "luks1", "--pbkdf-force-iterations", "1000", "-c", "aes-cbc-essiv:sha256", "-s", "256")
	if _, err := luks.Open(cbc); err == nil || !strings.Contains(err.Error(), "aes-cbc-essiv:sha256") {
		t.Errorf("CBC: got %v", err)
	}
	good := format(t, quickFirst...)
	for name, damage := range map[string]struct {
		at   int64
		data string
		want string
	}{
		"key of gigabytes": {108, "\xff\xff\xff\xff", "damaged"},
		"no payload":       {104, "\x00\x00\x00\x00", "detached"},
		"one stripe":       {208 + 44, "\x00\x00\x00\x01", "key slot 0"},
		"slot far away":    {208 + 40, "\xff\xff\xff\xff", "key slot 0"},
		"version 3":        {6, "\x00\x03", "version 3"},
		"no magic":         {0, "SULK", "no LUKS header"},
	} {
		path := front(t, good)
		patch(t, path, damage.at, []byte(damage.data))
		if _, err := luks.Open(path); err == nil || !strings.Contains(err.Error(), damage.want) {
			t.Errorf("%s: got %v, want it to say %q", name, err, damage.want)
		}
	}
}

func TestEnoughMemory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "meminfo")
	if err := os.WriteFile(file, []byte("MemTotal: 2000000 kB\nMemAvailable:  524288 kB\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := luks.Enough(256<<20, file); err != nil {
		t.Errorf("256 MiB of 512: %v", err)
	}
	if err := luks.Enough(1<<30, file); err == nil || !strings.Contains(err.Error(), "1024 MiB of memory and 512 MiB are free") {
		t.Errorf("1 GiB of 512 MiB: got %v", err)
	}
	if err := luks.Enough(1<<30, file+".none"); err != nil {
		t.Errorf("unknown: %v", err)
	}
}

func TestNames(t *testing.T) {
	for _, name := range []string{"luks-01234567-89ab-4cde-8f01-23456789abcd", "root", "a.b_c+d"} {
		if err := luks.CheckName(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"", "..", "control", "a/b", "a b", "ä", strings.Repeat("x", 90)} {
		if luks.CheckName(name) == nil {
			t.Errorf("%q is taken", name)
		}
	}
}

func TestFlags(t *testing.T) {
	take, leave := luks.Known([]string{"allow-discards", "no-journal", "allow-discards", "no-read-workqueue"})
	if got := strings.Join(take, " ") + "|" + strings.Join(leave, " "); got != "allow-discards no-read-workqueue|no-journal" {
		t.Errorf("got %s", got)
	}
}

// FuzzRead: a header is anybody's bytes. Their checksums are made right, or
// nothing behind them would ever be read.
func FuzzRead(f *testing.F) {
	for _, args := range [][]string{quickArgon, quickPBKDF2, quickFirst} {
		data, err := os.ReadFile(format(f, args...))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data[:5500])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		disk := make([]byte, max(32<<10, len(data)))
		copy(disk, data)
		luks.Seal(disk[:16<<10])
		h, err := luks.Read(bytes.NewReader(disk))
		if err != nil {
			return
		}
		for _, s := range h.Slots {
			if s.Number < 0 || s.Priority <= 0 || s.Memory < 0 {
				t.Errorf("slot %+v", s)
			}
		}
	})
}
