package tpmtoken_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
	"golang.org/x/sys/unix"

	"moss/initramfs/luks"
	"moss/initramfs/luks/tpmtoken"
	"moss/internal/testutil"
	"moss/internal/testutil/need"
)

const passphrase = "correct horse"

// chip is swtpm, which speaks the TPM's own protocol over TCP.
type chip struct {
	t    *testing.T
	port int
}

// startChip starts a TPM of its own for a test, on two free ports.
func startChip(t *testing.T) *chip {
	t.Helper()
	program := need.Program(t, "swtpm")
	for _, path := range []string{"/usr/lib/x86_64-linux-gnu/libtss2-tcti-swtpm.so.0"} {
		if _, err := os.Stat(path); err != nil {
			need.Machine(t, "libtss2-tcti-swtpm0 is not installed")
		}
	}
	c := &chip{t, freePorts(t)}
	dir := t.TempDir()
	// As a daemon it is there when the program that starts it has ended.
	out, err := exec.Command(program, "socket", "--tpm2", "--tpmstate", "dir="+dir, "--flags", "not-need-init", "--daemon", "--pid", "file="+dir+"/pid",
		"--server", fmt.Sprintf("type=tcp,port=%d", c.port), "--ctrl", fmt.Sprintf("type=tcp,port=%d", c.port+1)).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Cleanup(func() {
		if pid, err := strconv.Atoi(strings.TrimSpace(testutil.Read(t, dir+"/pid"))); err == nil && pid > 1 {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	})
	c.with(func(tpm transport.TPM) {
		if _, err := (tpm2.Startup{StartupType: tpm2.TPMSUClear}).Execute(tpm); err != nil {
			t.Fatal(err)
		}
	})
	return c
}

// freePorts are two in which TPM libraries believe: the one for control follows
// the other.
func freePorts(t *testing.T) int {
	t.Helper()
	local := net.IPv4(127, 0, 0, 1)
	for range 100 {
		server, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: local})
		if err != nil {
			t.Fatal(err)
		}
		port := server.Addr().(*net.TCPAddr).Port
		control, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: local, Port: port + 1})
		server.Close()
		if err == nil {
			control.Close()
			return port
		}
	}
	t.Fatal("no two ports in a row are free")
	return 0
}

// with connects, for swtpm serves one at a time.
func (c *chip) with(use func(transport.TPM)) {
	c.t.Helper()
	connection, err := net.Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", c.port))
	if err != nil {
		c.t.Fatal(err)
	}
	defer connection.Close()
	use(transport.FromReadWriter(connection))
}

// extend is what firmware does with each thing that it starts.
func (c *chip) extend(pcr int) {
	c.t.Helper()
	c.with(func(tpm transport.TPM) {
		handle := tpm2.AuthHandle{Handle: tpm2.TPMHandle(pcr), Auth: tpm2.PasswordAuth(nil)}
		digest := tpm2.TPMTHA{HashAlg: tpm2.TPMAlgSHA256, Digest: bytes.Repeat([]byte{1}, 32)}
		if _, err := (tpm2.PCRExtend{PCRHandle: handle, Digests: tpm2.TPMLDigestValues{Digests: []tpm2.TPMTHA{digest}}}).Execute(tpm); err != nil {
			c.t.Fatal(err)
		}
	})
}

// enroll runs the real systemd-cryptenroll on a new container.
func (c *chip) enroll(pin string, args ...string) (path string) {
	c.t.Helper()
	path = filepath.Join(c.t.TempDir(), "disk")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		c.t.Fatal(err)
	}
	if err := os.Truncate(path, 17<<20); err != nil {
		c.t.Fatal(err)
	}
	c.run("", "cryptsetup", "luksFormat", "-q", "--type", "luks2", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", path, "-")
	c.run(pin, "systemd-cryptenroll", append([]string{fmt.Sprintf("--tpm2-device=swtpm:port=%d", c.port)}, append(args, path)...)...)
	// systemd-cryptenroll leaves its sessions to the kernel's resource manager,
	// which is not here.
	c.empty()
	return path
}

// empty flushes what is loaded in the TPM and tells how much that was.
func (c *chip) empty() (count int) {
	c.t.Helper()
	c.with(func(tpm transport.TPM) {
		for _, first := range []uint32{0x02000000, 0x03000000, 0x80000000} { // HMAC and policy sessions, objects
			got, err := tpm2.GetCapability{Capability: tpm2.TPMCapHandles, Property: first, PropertyCount: 64}.Execute(tpm)
			if err != nil {
				c.t.Fatal(err)
			}
			list, err := got.CapabilityData.Data.Handles()
			if err != nil {
				c.t.Fatal(err)
			}
			for _, handle := range list.Handle {
				if _, err := (tpm2.FlushContext{FlushHandle: handle}).Execute(tpm); err != nil {
					c.t.Fatal(err)
				}
				count++
			}
		}
	})
	return count
}

func (c *chip) run(pin, name string, args ...string) {
	c.t.Helper()
	cmd := exec.Command(need.Program(c.t, name), args...)
	cmd.Stdin = strings.NewReader(passphrase)
	cmd.Env = append(os.Environ(), "PASSWORD="+passphrase, "NEWPIN="+pin)
	if out, err := cmd.CombinedOutput(); err != nil {
		c.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// unseal does what moss-unlock does.
func (c *chip) unseal(path, pin string) (err error) {
	c.t.Helper()
	box, err := luks.Open(path)
	if err != nil {
		c.t.Fatal(err)
	}
	defer box.Close()
	if len(box.Header.Tokens) != 1 || box.Header.Tokens[0].Type != tpmtoken.Type {
		c.t.Fatalf("tokens: %+v", box.Header.Tokens)
	}
	token, err := tpmtoken.Parse(box.Header.Tokens[0].JSON)
	if err != nil {
		c.t.Fatal(err)
	}
	c.with(func(tpm transport.TPM) {
		var key []byte
		if key, err = token.Unseal(tpm, []byte(pin)); err == nil {
			_, err = box.Unseal(key, box.Header.Tokens[0].Slots...)
		}
	})
	if n := c.empty(); n > 0 {
		c.t.Errorf("%d sessions and keys were left in the TPM", n)
	}
	return err
}

func TestRealTokens(t *testing.T) {
	c := startChip(t)
	c.extend(7)
	c.extend(0)
	sealed := map[string]string{
		"PCR 7":   c.enroll("", "--tpm2-pcrs=7"),
		"PCR 0+7": c.enroll("", "--tpm2-pcrs=7+0"),
		"no PCR":  c.enroll("", "--tpm2-pcrs="),
	}
	pin := c.enroll("1234ñ", "--tpm2-pcrs=7", "--tpm2-with-pin=yes")
	for name, path := range sealed {
		if err := c.unseal(path, ""); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := c.unseal(pin, "1234"); !errors.Is(err, tpmtoken.ErrPIN) {
		t.Errorf("a wrong PIN: got %v", err)
	}
	if err := c.unseal(pin, "1234ñ"); err != nil {
		t.Errorf("the PIN: %v", err)
	}
	c.extend(7)
	for _, name := range []string{"PCR 7", "PCR 0+7"} {
		if err := c.unseal(sealed[name], ""); !errors.Is(err, tpmtoken.ErrChanged) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s, changed: got %v", name, err)
		}
	}
	if err := c.unseal(pin, "1234ñ"); !errors.Is(err, tpmtoken.ErrChanged) {
		t.Errorf("PIN, changed: got %v", err)
	}
	if err := c.unseal(sealed["no PCR"], ""); err != nil {
		t.Errorf("no PCR, others changed: %v", err)
	}
	other := startChip(t)
	if err := other.unseal(sealed["no PCR"], ""); err == nil || !strings.Contains(err.Error(), "another TPM") {
		t.Errorf("another TPM: got %v", err)
	}
}

func TestParse(t *testing.T) {
	const blob = `"tpm2-blob":"AAQBAgMEAAA=","tpm2-policy-hash":"00"`
	for text, want := range map[string]string{
		`{`: "read TPM2 token", `{}`: "sealed key", `{` + blob + `,"tpm2_pubkey":"AA=="}`: "signed PCR",
		`{` + blob + `,"tpm2_pcrlock":true}`: "pcrlock", `{` + blob + `,"tpm2-pcrs":[24]}`: "no TPM has",
		`{` + blob + `,"tpm2-pcr-bank":"md5"}`: "md5", `{` + blob + `,"tpm2-primary-alg":"dsa"}`: "dsa",
		`{"tpm2-blob":["AA==","AA=="],"tpm2-policy-hash":"00"}`: "2 parts", `{"tpm2-blob":"AP8=","tpm2-policy-hash":"00"}`: "cut",
		`{` + blob + `}`:                  "sealed key",
		`{` + blob + `,"tpm2_fido2":"x"}`: "tpm2_fido2",
	} {
		if _, err := tpmtoken.Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want it to say %q", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"type":"systemd-tpm2","keyslots":["1"],"tpm2-blob":"AAQBAgMEAAA=","tpm2-pcrs":[7],"tpm2-pcr-bank":"sha256","tpm2-primary-alg":"ecc","tpm2-policy-hash":"8b56","tpm2-pin":false,"tpm2_srk":"gQAAAQ=="}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		token, err := tpmtoken.Parse(data)
		if err == nil && (!json.Valid(data) || token.Bound() == "") {
			t.Errorf("%q was read", data)
		}
	})
}
