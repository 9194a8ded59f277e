package debian

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// sources are the addresses from which this machine's own apt takes Debian. A
// mirror holds all releases that are supported, so they serve bookworm on a
// newer Debian too.
type sources struct{ main, security string }

// ErrNoSource tells that this machine's apt knows no Debian mirror.
var ErrNoSource = errors.New("apt has no source of Debian packages")

// debianSuite matches the suites of Debian itself; others may use its release
// names, but as a part of a longer word or without "main".
var debianSuite = regexp.MustCompile(`^(old)*(stable|testing|unstable|sid|bullseye|bookworm|trixie|forky|duke)(-updates|-security|-backports)?$`)

func hostSources(ctx context.Context) (sources, error) {
	format := "$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)"
	out, err := exec.CommandContext(ctx, "apt-get", "indextargets", "--format", format, "Created-By: Packages").Output()
	if err != nil {
		return sources{}, fmt.Errorf("list this machine's package sources: %w", err)
	}
	found := parseSources(string(out))
	if found.main == "" {
		return sources{}, ErrNoSource
	}
	return found, nil
}

// parseSources takes the first source of each kind, one whose index says that
// it is Debian's before one of which this is unknown (no index fetched yet).
func parseSources(targets string) sources {
	var sure, unknown sources
	for line := range strings.Lines(targets) {
		field := strings.Split(strings.TrimSpace(line), "|")
		if len(field) != 4 || field[3] != "main" || !debianSuite.MatchString(field[2]) {
			continue
		}
		switch field[0] {
		case "Debian":
			sure.add(field[1], field[2])
		case "", "$(ORIGIN)":
			unknown.add(field[1], field[2])
		}
	}
	if sure.main == "" {
		return unknown
	}
	return sure
}

func (s *sources) add(uri, suite string) {
	to := &s.main
	if strings.HasSuffix(suite, "-security") {
		to = &s.security
	}
	if *to == "" {
		*to = uri
	}
}

// list is a sources.list for the suite.
func (s sources) list(keyring string) string {
	line := func(uri, suite string) string { return fmt.Sprintf("deb [%s] %s %s main\n", keyring, uri, suite) }
	text := line(s.main, Suite) + line(s.main, Suite+"-updates")
	if s.security != "" {
		text += line(s.security, Suite+"-security")
	}
	return text
}

// keyring is the option that names Debian's archive keys; on Debian without the
// keyring package apt's own trusted keys serve.
func keyring() string {
	for _, name := range []string{"debian-archive-keyring.gpg", "debian-archive-keyring.pgp"} {
		path := filepath.Join("/usr/share/keyrings", name)
		if _, err := os.Stat(path); err == nil {
			return "signed-by=" + path
		}
	}
	return "arch=amd64"
}
