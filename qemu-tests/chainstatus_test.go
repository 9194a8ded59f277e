package qemutests

import (
	"slices"
)

// bootStatus is what the tests compare of moss-boot status.
type bootStatus struct {
	SecureBoot struct {
		State  string
		Signed string
	} `json:"secure_boot"`
	Loader struct {
		Running   string
		Installed []struct{ Path, Kind string }
		Entries   []struct{ First, Active bool }
	}
	ESP, XBOOTLDR *struct {
		PARTUUID string
		Free     uint64
		Dirty    bool
	}
	Boot struct {
		Wanted, Activated int
		Fallback          bool
	}
	Booted, Default int
	Next            struct {
		State int
		Why   string
	}
	Failed []struct {
		State  int
		Reason string
	}
	Menu     struct{ Matches *bool }
	Warnings []struct{ Code, Text, Do string }
	Unread   []string
}

// status asks, and compares the codes of all warnings.
func (m *machine) status(warnings ...string) bootStatus {
	m.t.Helper()
	var s bootStatus
	m.ask("moss-boot status", &s)
	var codes []string
	for _, w := range s.Warnings {
		codes = append(codes, w.Code)
		if w.Text == "" || w.Do == "" {
			m.t.Errorf("status: got warning %+v, want words and a command", w)
		}
	}
	slices.Sort(codes)
	slices.Sort(warnings)
	if !slices.Equal(codes, warnings) {
		m.t.Errorf("status: got warnings %+v, want %q", s.Warnings, warnings)
	}
	if len(s.Unread) != 0 {
		m.t.Errorf("status: got unread %q, want none", s.Unread)
	}
	return s
}
