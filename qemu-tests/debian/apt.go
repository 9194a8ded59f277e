package debian

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// apt runs the host's apt with everything it reads and writes in one folder, so
// that this machine's own state is neither used nor touched.
type apt struct{ dir string }

func (a apt) path(name string) string { return filepath.Join(a.dir, name) }

// prepare writes the private configuration and sources.
func (a apt) prepare(ctx context.Context, set Set) error {
	from, err := hostSources(ctx)
	if err != nil {
		return err
	}
	acquire, err := hostAcquire(ctx)
	if err != nil {
		return err
	}
	for _, dir := range []string{"state/lists/partial", "cache/archives/partial", "empty", "log"} {
		if err := os.MkdirAll(a.path(dir), 0o755); err != nil {
			return err
		}
	}
	for name, text := range map[string]string{
		"apt.conf":     a.config() + acquire,
		"sources.list": from.list(keyring()),
		"status":       status(set.assumed()),
	} {
		if err := os.WriteFile(a.path(name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// config is read instead of /etc/apt/apt.conf.d, whose hooks may clean caches or
// wake other programs.
func (a apt) config() string {
	var b strings.Builder
	for _, set := range [][2]string{
		{"Dir::State", a.path("state")},
		{"Dir::State::status", a.path("status")},
		{"Dir::Cache", a.path("cache")},
		{"Dir::Log", a.path("log")},
		{"Dir::Etc::sourcelist", a.path("sources.list")},
		{"Dir::Etc::sourceparts", a.path("empty")},
		{"Dir::Etc::parts", a.path("empty")},
		{"Dir::Etc::main", "/dev/null"},
		{"Dir::Etc::preferences", "/dev/null"},
		{"Dir::Etc::preferencesparts", a.path("empty")},
		{"APT::Architecture", "amd64"},
		{"APT::Architectures", "amd64"},
		{"APT::Install-Recommends", "false"},
		// The unprivileged user that apt changes to cannot write here.
		{"APT::Sandbox::User", "root"},
		{"Acquire::Languages", "none"},
	} {
		fmt.Fprintf(&b, "%s %q;\n", set[0], set[1])
	}
	return b.String()
}

// hostAcquire copies how this machine reaches its mirrors: proxies, retries,
// leniency about clocks.
func hostAcquire(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "apt-config", "dump").Output()
	if err != nil {
		return "", fmt.Errorf("read this machine's apt configuration: %w", err)
	}
	wanted := regexp.MustCompile(`(?mi)^Acquire::(http|https|mirror|Retries|Check-Valid-Until|Check-Date|ForceIPv[46])(::[^ ]*)? ".+";$`)
	return string(bytes.Join(wanted.FindAll(out, -1), []byte("\n"))) + "\n", nil
}

// status is dpkg's list of installed packages, holding only what is assumed.
func status(assumed []Assumption) string {
	var b strings.Builder
	for _, a := range assumed {
		fmt.Fprintf(&b, "Package: %s\nStatus: install ok installed\nVersion: 9999\nArchitecture: amd64\nMulti-Arch: foreign\n", a.Name)
		if a.Provides != "" {
			fmt.Fprintf(&b, "Provides: %s\n", a.Provides)
		}
		fmt.Fprintf(&b, "Maintainer: nobody <nobody@localhost>\nDescription: assumed, %s\n\n", a.Reason)
	}
	return b.String()
}

func (a apt) run(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "apt-get", args...)
	cmd.Env = append(os.Environ(), "APT_CONFIG="+a.path("apt.conf"), "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive")
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("apt-get %s: %w: %s", args[0], err, bytes.TrimSpace(complaint.Bytes()))
	}
	return out, nil
}

// download fetches the packages and what they need, and returns the names of
// the files in the archive folder.
func (a apt) download(ctx context.Context, packages []string) ([]string, error) {
	if _, err := a.run(ctx, "update", "-q"); err != nil {
		return nil, err
	}
	plan, err := a.run(ctx, append([]string{"install", "-q", "--simulate"}, packages...)...)
	if err != nil {
		return nil, err
	}
	files, err := parsePlan(plan)
	if err != nil {
		return nil, err
	}
	_, err = a.run(ctx, append([]string{"install", "-q", "-y", "--download-only"}, packages...)...)
	return files, err
}

// parsePlan reads lines like "Inst libc6 (2.36-9 Debian:12/stable [amd64])".
func parsePlan(plan []byte) ([]string, error) {
	line := regexp.MustCompile(`^Inst (\S+) (?:\[\S+\] )?\((\S+) .*\[(\S+)\]\)`)
	var files []string
	for lines := bufio.NewScanner(bytes.NewReader(plan)); lines.Scan(); {
		if m := line.FindStringSubmatch(lines.Text()); m != nil {
			files = append(files, fmt.Sprintf("%s_%s_%s.deb", m[1], strings.ReplaceAll(m[2], ":", "%3a"), m[3]))
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("read apt's plan: no package in %q", plan)
	}
	return files, nil
}
