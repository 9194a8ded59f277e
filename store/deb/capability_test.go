package deb

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"
)

// The values are what setcap 2.66 wrote and getfattr read back.
func TestEncodeCapability(t *testing.T) {
	for spec, want := range map[string]string{
		"cap_net_raw+ep":                 "0100000200200000000000000000000000000000",
		"cap_net_raw=ep":                 "0100000200200000000000000000000000000000",
		"CAP_NET_RAW+p":                  "0000000200200000000000000000000000000000",
		"cap_net_raw,cap_net_admin=eip":  "0100000200300000003000000000000000000000",
		"cap_checkpoint_restore+ep":      "0100000200000000000000000001000000000000",
		"cap_net_raw+p cap_net_admin+i":  "0000000200200000001000000000000000000000",
		"cap_net_bind_service=+ep":       "",
		"cap_nothing+ep":                 "",
		"cap_net_raw":                    "",
		"cap_net_raw-ep":                 "",
		"cap_net_raw+x":                  "",
		"=ep":                            "",
		"":                               "",
		"cap_net_raw+ep cap_net_admin+p": "", // one effective bit for all
		"cap_net_raw+e":                  "",
	} {
		got, err := encodeCapability(spec)
		if hex.EncodeToString(got) != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %x, %v, want %s", spec, got, err, want)
		}
	}
}

func TestScriptCapabilities(t *testing.T) {
	for name, test := range map[string]struct {
		script string
		caps   []string
		notes  int
	}{
		"literal path": {"setcap cap_net_raw+ep /bin/ping\n", []string{"/bin/ping"}, 0},
		"iputils-ping of Debian 12": {`#!/bin/sh
set -e
PROGRAM=$(dpkg-divert --truename /bin/ping)
if [ "$1" = configure ]; then
    # If we have setcap installed, try setting cap_net_raw+ep,
    if command -v setcap > /dev/null; then
        if setcap cap_net_raw+ep $PROGRAM; then
            chmod u-s $PROGRAM
        else
            echo "Setcap failed on $PROGRAM, falling back to setuid" >&2
        fi
    fi
fi`, []string{"/bin/ping"}, 0},
		"mtr-tiny of Debian 12":    {"if ! setcap cap_net_raw+ep /usr/bin/mtr-packet; then\n", []string{"/usr/bin/mtr-packet"}, 0},
		"in a list":                {`test -x /sbin/setcap && /sbin/setcap -q "cap_net_raw+ep" '/usr/bin/x' 2>/dev/null || true`, []string{"/usr/bin/x"}, 0},
		"continued line":           {"setcap cap_net_raw+ep \\\n  /usr/bin/x\n", []string{"/usr/bin/x"}, 0},
		"braced variable":          {"P='/usr/bin/x'\nsetcap cap_net_raw=ep \"${P}\"\n", []string{"/usr/bin/x"}, 0},
		"redirection with a blank": {"setcap cap_net_raw+ep /usr/bin/x > /dev/null", []string{"/usr/bin/x"}, 0},
		"two calls":                {"setcap cap_net_raw+ep /a; setcap cap_net_raw+ep /b", []string{"/a", "/b"}, 0},
		"mentioned, not called":    {"command -v setcap\nwhich setcap\necho setcap cap_net_raw+ep /bin/ping\n# setcap cap_net_raw+ep /bin/ping", nil, 0},
		"text in quotes":           {`echo "now; setcap cap_net_raw+ep /bin/ping"`, nil, 0},
		"unknown variable":         {"setcap cap_net_raw+ep $WHO", nil, 1},
		"pattern":                  {"setcap cap_net_raw+ep /usr/bin/x*", nil, 1},
		"command in the path":      {"setcap cap_net_raw+ep `which ping`", nil, 1},
		"unknown capability":       {"setcap cap_fly+ep /bin/ping", nil, 1},
		"removal":                  {"setcap -r /bin/ping", nil, 1},
		"no arguments":             {"setcap", nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			caps, notes := scriptCapabilities(test.script)
			var got []string
			for _, c := range caps {
				got = append(got, c.Path)
			}
			if !slices.Equal(got, test.caps) || len(notes) != test.notes {
				t.Errorf("got %q and notes %q, want %q and %d notes", got, notes, test.caps, test.notes)
			}
		})
	}
}

func FuzzScriptCapabilities(f *testing.F) {
	f.Add("P=$(dpkg-divert --truename /bin/ping)\nif setcap cap_net_raw+ep $P; then\n")
	f.Add(`setcap "cap_net_raw,cap_net_admin=eip" '/usr/bin/x' 2>&1 # y`)
	f.Fuzz(func(t *testing.T, script string) {
		caps, _ := scriptCapabilities(script)
		for _, c := range caps {
			if !strings.HasPrefix(c.Path, "/") || len(c.Value) != 20 {
				t.Fatalf("capability %+v came through", c)
			}
		}
	})
}
