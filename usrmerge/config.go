package usrmerge

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// The configuration of a root, below it. What the second says of a key counts
// instead of what the first says of it.
const (
	VendorConfig = "usr/lib/moss/usr-merge.conf"
	AdminConfig  = "etc/moss/usr-merge.conf"
)

// Everyone is the threshold that every machine is below.
const Everyone = 256

// Folder is where the markers and the report are unless the configuration says
// otherwise, below the root.
const Folder = "var/lib/moss/usr-merge"

// Config says which machines merge and where what belongs to it lies. Paths are
// absolute, as they are named once the root is "/".
type Config struct {
	// Rollout is the threshold, 0 to 256: a machine merges when the last byte of
	// its machine id is below.
	Rollout int
	// OptIn is the administrator's word that this machine merges whatever the
	// threshold is.
	OptIn bool
	// Ready are the markers that all must be there.
	Ready []string
	// Complete is the marker that is written when all is merged and checked.
	Complete string
	// Orphans is the folder for what /usr has differently.
	Orphans string
	// Dirs are the top folders, by name.
	Dirs []string

	from map[string]source
}

// source is the line that set a key.
type source struct {
	file string
	line int
}

// From is the file and line that set a key, as /etc/moss/usr-merge.conf:3, "" if
// none did.
func (c *Config) From(key string) string {
	at, ok := c.from[key]
	if !ok {
		return ""
	}
	return at.file + ":" + strconv.Itoa(at.line)
}

func defaultConfig() Config {
	return Config{Ready: []string{"/" + Folder + "/ready"}, Complete: "/" + Folder + "/complete", Orphans: "/" + DefaultOrphans,
		Dirs: DefaultDirs(), from: map[string]source{}}
}

// ConfigError is a mistake in a configuration file. Nothing is merged on the
// word of one that cannot be understood.
type ConfigError struct {
	File string // as it is named once the root is "/"
	Line int    // 0: the file as a whole
	Err  error
}

func (e *ConfigError) Error() string {
	at := e.File
	if e.Line > 0 {
		at += ":" + strconv.Itoa(e.Line)
	}
	return at + ": " + e.Err.Error()
}

func (e *ConfigError) Unwrap() error { return e.Err }

// Hint says what to do, and that nothing is lost meanwhile.
func (e *ConfigError) Hint() string {
	return "mend " + e.File + "; until then nothing is merged, and the system works as it is"
}

// maxConfig is more than any such file needs.
const maxConfig = 64 << 10

// ReadConfig reads the vendor's file and over it, key by key, the administrator's.
// Neither has to be there: then no machine merges. A mistake in either is a
// *ConfigError.
func ReadConfig(root string) (Config, error) {
	c := defaultConfig()
	for _, file := range []string{VendorConfig, AdminConfig} {
		text, err := readSmall(root, file, maxConfig)
		if isMissing(err) {
			continue
		}
		if err != nil {
			return c, &ConfigError{"/" + file, 0, err}
		}
		if c, err = parseConfig(c, file, string(text)); err != nil {
			return c, err
		}
	}
	return c, nil
}

// parseConfig lays what a file says over what was said before: the whole file or,
// with a mistake in it, nothing.
func parseConfig(before Config, file, text string) (Config, error) {
	c, at := before, map[string]int{} // the line of each key of this file
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		err := error(nil)
		if !ok {
			err = fmt.Errorf("%q: want key=value, or a # before a comment", line)
		} else if at[key] > 0 && key != keyReady {
			err = fmt.Errorf("%s is said twice, in line %d too", key, at[key])
		} else {
			err = c.set(key, value, file == AdminConfig, at[key] > 0)
		}
		if err != nil {
			return before, &ConfigError{"/" + file, i + 1, err}
		}
		at[key] = i + 1
	}
	c.from = maps.Clone(c.from)
	for key, line := range at {
		c.from[key] = source{"/" + file, line}
	}
	if err := c.contradiction(); err != nil {
		return before, err
	}
	return c, nil
}

// contradiction is what no line says alone.
func (c *Config) contradiction() error {
	if !slices.Contains(c.Ready, c.Complete) {
		return nil
	}
	at, ok := c.from[keyComplete]
	if !ok {
		at = c.from[keyReady]
	}
	return &ConfigError{at.file, at.line, errors.New(c.Complete + " is both a ready and the complete marker")}
}
