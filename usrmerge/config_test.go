package usrmerge

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"moss/internal/testutil"
)

func TestVendorThenAdmin(t *testing.T) {
	root := t.TempDir()
	testutil.Tree{
		VendorConfig: "rollout=26\nready=/var/a\nready=/var/b\norphans=/var/lost\n",
		AdminConfig:  "\n# ours\n  rollout = 128 \nready=/var/c\ncomplete=/var/done\ndirs=bin, sbin lib lib32 /lib64 libx32 usr/sbin\n",
	}.Create(t, root)
	c, err := ReadConfig(root)
	if err != nil {
		t.Fatal(err)
	}
	if c.Rollout != 128 || c.Complete != "/var/done" || c.Orphans != "/var/lost" || c.OptIn {
		t.Errorf("got %+v", c)
	}
	if want := []string{"/var/c"}; !slices.Equal(c.Ready, want) {
		t.Errorf("ready %v, want %v: the administrator's instead of the vendor's", c.Ready, want)
	}
	if want := []string{"bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr/sbin"}; !slices.Equal(c.Dirs, want) {
		t.Errorf("dirs %v, want %v", c.Dirs, want)
	}
	for key, want := range map[string]string{"rollout": "/etc/moss/usr-merge.conf:3", "orphans": "/usr/lib/moss/usr-merge.conf:4", "opt-in": ""} {
		if got := c.From(key); got != want {
			t.Errorf("%s comes from %q, want %q", key, got, want)
		}
	}
}

func TestDefaults(t *testing.T) {
	c, err := ReadConfig(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	want := Config{Ready: []string{"/var/lib/moss/usr-merge/ready"}, Complete: "/var/lib/moss/usr-merge/complete",
		Orphans: "/var/lib/moss/usr-merge/orphans", Dirs: []string{"bin", "sbin", "lib", "lib32", "lib64"}, from: map[string]source{}}
	if diff := cmp.Diff(want, c, cmp.AllowUnexported(Config{})); diff != "" {
		t.Error(diff)
	}
}

// TestMalformedConfiguration: each says the file, the line, what is wrong, and
// that nothing is merged until it is mended.
func TestMalformedConfiguration(t *testing.T) {
	for text, want := range map[string]string{
		"rollout":                                "key=value",
		"rolout=3":                               "no such key",
		"Rollout=3":                              "no such key",
		"=3":                                     "no such key",
		"rollout=3\nrollout=4":                   "twice",
		"opt-in=maybe":                           "yes or no",
		"opt-in=":                                "yes or no",
		"ready=":                                 "absolute path",
		"ready=var/x":                            "absolute path",
		"ready=/":                                "plain path",
		"ready=/var/../x":                        "plain path",
		"ready=/var//x":                          "plain path",
		"ready=/var/x/":                          "plain path",
		"ready=/var/x # the package manager":     "line of its own",
		"ready=/var/\x01x":                       "control character",
		"complete=/usr/share/x":                  "must not lie in /usr",
		"orphans=/lib/x":                         "must not lie in /lib",
		"orphans=/lib64":                         "must not lie in /lib64",
		"complete=/var/x\nready=/var/x":          "both",
		"complete=/var/lib/moss/usr-merge/ready": "both",
		"dirs=":                                  "bin is not among them",
		"dirs=bin sbin lib lib32":                "lib64 is not among them",
		"dirs=bin sbin lib lib32 lib64 etc":      "want names such as",
		"dirs=bin sbin lib lib32 lib64 usr":      "want names such as",
		"dirs=bin sbin lib lib32 lib64 bin":      "twice",
		"dirs=bin sbin lib lib32 lib64 lib/x":    "want names such as",
		strings.Repeat("#", maxConfig+1):         "bytes",
	} {
		t.Run(strings.ReplaceAll(text[:min(len(text), 30)], "/", "_"), func(t *testing.T) {
			root := unmerged(t, testutil.Tree{AdminConfig: text})
			_, err := ReadConfig(root)
			wrong, ok := errors.AsType[*ConfigError](err)
			if !ok || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "/etc/moss/usr-merge.conf:") {
				t.Fatalf("got %v, want words of %q", err, want)
			}
			if !strings.Contains(wrong.Hint(), "/etc/moss/usr-merge.conf") {
				t.Errorf("hint %q", wrong.Hint())
			}
			decide(t, root, "").wants(t, OutcomeRefused, want)
			decide(t, root, On).wants(t, OutcomeRefused, want)
		})
	}
}

func TestConfigurationThatCannotBeRead(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"folder": func(path string) error { return os.Mkdir(path, 0o755) },
		"pipe":   func(path string) error { return unix.Mkfifo(path, 0o644) },
		"loop":   func(path string) error { return os.Symlink("usr-merge.conf", path) },
	} {
		t.Run(name, func(t *testing.T) {
			root := unmerged(t, nil)
			if err := spoil(filepath.Join(root, AdminConfig)); err != nil {
				t.Fatal(err)
			}
			decide(t, root, "").wants(t, OutcomeRefused, "/etc/moss/usr-merge.conf")
		})
	}
}

func TestOptInKeepsOtherLines(t *testing.T) {
	const mine = "# my file\n\nrollout = 0   \n  # opt-in=no\nready=/var/x"
	for name, c := range map[string]struct {
		text string
		in   bool
		want string
	}{
		"in":                {mine + "\n", true, mine + "\nopt-in=yes\n"},
		"in, no line end":   {mine, true, mine + "\nopt-in=yes\n"},
		"in, from nothing":  {"", true, "opt-in=yes\n"},
		"in, was no":        {"opt-in=no\n" + mine, true, "opt-in=yes\n" + mine},
		"in, was yes":       {" opt-in =  yes\n" + mine, true, " opt-in =  yes\n" + mine},
		"out":               {"a=b\n", false, "refused"},
		"out, was yes":      {"# x\nopt-in = yes\n" + mine, false, "# x\n" + mine},
		"out, was last":     {"# x\nopt-in=yes", false, "# x\n"},
		"out, from nothing": {mine, false, mine},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			if c.text != "" {
				testutil.Tree{AdminConfig: c.text}.Create(t, root)
			}
			changed, err := SetOptIn(root, c.in)
			if c.want == "refused" {
				if _, ok := errors.AsType[*ConfigError](err); !ok || testutil.Read(t, filepath.Join(root, AdminConfig)) != c.text {
					t.Errorf("got %v and %q", err, testutil.Read(t, filepath.Join(root, AdminConfig)))
				}
				return
			}
			if err != nil || changed != (c.text != c.want) {
				t.Fatalf("changed %v, %v", changed, err)
			}
			if got := testutil.Read(t, filepath.Join(root, AdminConfig)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if again, err := SetOptIn(root, c.in); again || err != nil {
				t.Errorf("a second time: changed %v, %v", again, err)
			}
		})
	}
}

func TestOptOutOfNothingMakesNoFile(t *testing.T) {
	root := t.TempDir()
	if changed, err := SetOptIn(root, false); changed || err != nil {
		t.Errorf("changed %v, %v", changed, err)
	}
	if all := testutil.List(t, root); len(all) > 0 {
		t.Errorf("made %v", all)
	}
}

func TestOptInThroughALinkKeepsTheLink(t *testing.T) {
	root := t.TempDir()
	testutil.Tree{AdminConfig: "-> /srv/managed.conf", "srv/managed.conf": "# managed\n"}.Create(t, root)
	if changed, err := SetOptIn(root, true); !changed || err != nil {
		t.Fatalf("changed %v, %v", changed, err)
	}
	if got := testutil.Read(t, filepath.Join(root, "srv/managed.conf")); got != "# managed\nopt-in=yes\n" {
		t.Errorf("got %q", got)
	}
}

// FuzzParseConfig: whatever a file says, it is a whole configuration within its
// bounds or an error with its line; and opting in and out again loses no other line.
func FuzzParseConfig(f *testing.F) {
	for _, seed := range []string{"", "rollout=12\n", "# c\nopt-in=yes\nready=/a\nready=/b", "dirs=bin sbin lib lib32 lib64", "complete=/x\norphans=/y\n", "rollout\x00=1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseConfig(defaultConfig(), AdminConfig, text)
		if err != nil {
			if wrong, ok := errors.AsType[*ConfigError](err); !ok || wrong.Line < 1 || wrong.File != "/"+AdminConfig || strings.Contains(err.Error(), "\n") {
				t.Fatalf("got %q", err)
			}
			return
		}
		if c.Rollout < 0 || c.Rollout > Everyone || len(c.Ready) == 0 || slices.Contains(c.Ready, c.Complete) || len(c.Dirs) < 5 {
			t.Fatalf("%q gives %+v", text, c)
		}
		for _, name := range append(c.Ready, c.Complete, c.Orphans) {
			if filepath.Clean(name) != name || !filepath.IsAbs(name) {
				t.Fatalf("%q gives path %q", text, name)
			}
		}
		in, err := parseConfig(defaultConfig(), AdminConfig, editOptIn(text, true))
		if err != nil || !in.OptIn || in.Rollout != c.Rollout {
			t.Fatalf("opted in: %v, %+v", err, in)
		}
		out, err := parseConfig(defaultConfig(), AdminConfig, editOptIn(editOptIn(text, true), false))
		if err != nil || out.OptIn || out.Rollout != c.Rollout || !slices.Equal(out.Ready, c.Ready) {
			t.Fatalf("opted out: %v, %+v", err, out)
		}
	})
}
