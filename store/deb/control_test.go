package deb

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const pingControl = `Package: iputils-ping
Source: iputils (3:20221126-1)
Version: 3:20221126-1+deb12u1
Architecture: amd64
Maintainer: Noah Meyerhans <noahm@debian.org>
Installed-Size: 120
Pre-Depends: init-system-helpers (>= 1.54~)
Depends: libcap2-bin, libc6 (>= 2.34),
 default-mta | mail-transport-agent (>> 1), python3:any [amd64] <!nocheck>
Provides: ping (= 3:20221126-1), netpkg
Conflicts: oldping,
Breaks: less (<< 563), gone
Homepage: https://github.com/iputils/iputils/
Description: Tools to test the reachability of network hosts
 The ping command sends requests.
 .
   an indented line
`

func TestParseControl(t *testing.T) {
	got, err := parseControl(pingControl)
	if err != nil {
		t.Fatal(err)
	}
	want := Control{
		Package: "iputils-ping", Source: "iputils", Version: "3:20221126-1+deb12u1", Architecture: "amd64",
		Summary:     "Tools to test the reachability of network hosts",
		Description: "The ping command sends requests.\n\n  an indented line",
		Homepage:    "https://github.com/iputils/iputils/",
		Depends: []Clause{{"init-system-helpers"}, {"libcap2-bin"}, {"libc6"},
			{"default-mta", "mail-transport-agent"}, {"python3"}},
		Provides:  []string{"ping", "netpkg"},
		Conflicts: []string{"oldping", "gone"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseControlRefuses(t *testing.T) {
	base := "Package: a\nVersion: 1\nArchitecture: all\n"
	for name, test := range map[string]struct{ text, want string }{
		"empty":                    {"", "empty line"},
		"no name":                  {"Version: 1\nArchitecture: all\n", "package name"},
		"name with a slash":        {"Package: a/b\nVersion: 1\nArchitecture: all\n", "package name"},
		"name that is a dot file":  {"Package: ..\nVersion: 1\nArchitecture: all\n", "package name"},
		"no version":               {"Package: a\nArchitecture: all\n", "version"},
		"version with a slash":     {"Package: a\nVersion: 1/../2\nArchitecture: all\n", "version"},
		"version without a digit":  {"Package: a\nVersion: x1\nArchitecture: all\n", "version"},
		"architecture with a path": {"Package: a\nVersion: 1\nArchitecture: ../x\n", "architecture"},
		"continuation of nothing":  {" x\n" + base, "continues nothing"},
		"line without a colon":     {base + "what\n", "no new field"},
		"field twice":              {base + "package: b\n", "no new field"},
		"two stanzas":              {base + "\n" + base, "empty line"},
		"NUL":                      {base + "Homepage: a\x00b\n", "NUL"},
		"relation with a path":     {base + "Depends: ../x\n", "names no package"},
		"empty alternative":        {base + "Depends: a | | b\n", "names no package"},
		"relation with an option":  {base + "Conflicts: -rf\n", "names no package"},
		"name of 201 bytes":        {strings.Replace(base, " a", " "+strings.Repeat("a", 201), 1), "package name"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseControl(test.text)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error about %q", err, test.want)
			}
		})
	}
}

func FuzzParseControl(f *testing.F) {
	f.Add(pingControl)
	f.Add("Package: a\nVersion: 1\nArchitecture: all\nDepends: a (>= 1) | b:any, c\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseControl(text)
		if err != nil {
			return
		}
		names := append(append([]string{c.Package, c.Architecture}, c.Provides...), c.Conflicts...)
		for _, clause := range c.Depends {
			if len(clause) == 0 {
				t.Fatal("a dependency without alternatives")
			}
			names = append(names, clause...)
		}
		for _, name := range append(names, c.Version) {
			if name == "" || strings.ContainsAny(name, "/ \n\x00") || name[0] == '.' || name[0] == '-' {
				t.Fatalf("word %q came through", name)
			}
		}
	})
}
