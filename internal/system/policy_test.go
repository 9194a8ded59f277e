package system

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"moss/store/state"
)

func TestParsePolicy(t *testing.T) {
	for text, want := range map[string]Policy{
		"":                                {States: 10},
		"# nothing\n":                     {States: 10},
		"keep: {}":                        {States: 10},
		"keep: {states: 3}":               {States: 3},
		"keep: {states: 3, age: 30d}":     {States: 3, Age: 30 * 24 * time.Hour},
		"keep:\n  age: 2w\n":              {Age: 14 * 24 * time.Hour},
		"keep: {states: 1, age: 12h}\n\n": {States: 1, Age: 12 * time.Hour},
	} {
		if got, err := parsePolicy([]byte(text)); err != nil || got != want {
			t.Errorf("%q: got %+v, %v, want %+v", text, got, err, want)
		}
	}
}

func TestWrongPolicyIsRefused(t *testing.T) {
	for _, text := range []string{
		"keep: {states: 0}", "keep: {states: -1}", "keep: {states: many}", "keep: {states: 3, days: 3}", "kepe: {states: 3}",
		"keep: {age: 30}", "keep: {age: d}", "keep: {age: 1y}", "keep: {age: -1d}", "keep: {age: 99999999w}", "keep: 3", "keep: {}\n---\nkeep: {}", "\x00", "keep: [",
	} {
		if got, err := parsePolicy([]byte(text)); err == nil {
			t.Errorf("%q: got %+v, want it refused", text, got)
		}
	}
	root := t.TempDir()
	path := filepath.Join(root, "etc/moss/moss.yaml")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("keep: {nights: 3}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadPolicy(root); ExitCode(err) != exitRefused {
		t.Errorf("got %v, want a refusal", err)
	}
	if p, err := ReadPolicy(t.TempDir()); err != nil || p.States != 10 {
		t.Errorf("without a file: got %+v, %v", p, err)
	}
}

func FuzzParsePolicy(f *testing.F) {
	f.Add([]byte("keep: {states: 3, age: 30d}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if p, err := parsePolicy(data); err == nil && (p.States < 0 || p.Age < 0 || p.Age > maxAge) {
			t.Errorf("%q: got %+v", data, p)
		}
	})
}

func TestSuperfluous(t *testing.T) {
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	all := []StateInfo{{ID: 1, Pinned: true}, {ID: 2, Booted: true}, {ID: 3, Default: true}, {ID: 4, OneShot: true}, {ID: 5}, {ID: 6}, {ID: 7, Active: true}, {ID: 8}, {ID: 9}}
	for i := range all {
		all[i].Created = now.Add(time.Duration(i-len(all)) * 24 * time.Hour) // state 1 is nine days old, state 9 one
	}
	all[5].Created = now.Add(time.Hour) // the clock was set back since
	for _, c := range []struct {
		policy Policy
		want   []state.ID
	}{
		{Policy{}, nil},
		{Policy{States: 1}, []state.ID{5, 6, 8}},
		{Policy{States: 2}, []state.ID{5, 6}},
		{Policy{States: 100}, nil},
		{Policy{Age: 24 * time.Hour}, []state.ID{5, 8, 9}},
		{Policy{Age: 60 * time.Hour}, []state.ID{5}},
		{Policy{States: 2, Age: 24 * time.Hour}, []state.ID{5}},
		{Policy{States: 1, Age: 1000 * time.Hour}, nil},
	} {
		var got []state.ID
		for _, s := range c.policy.superfluous(all, now) {
			got = append(got, s.ID)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v: got %v, want %v", c.policy, got, c.want)
		}
	}
}
