package system

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"moss/bootloader"
)

// plan asks what a sync would do. It hashes what the states bring; of the files
// on $BOOT it looks at the size alone.
func (r *statusReader) plan() (err error) {
	if !r.seen || r.store == nil {
		return nil
	}
	if err := r.unreadableKeys(); err != nil {
		return err
	}
	want, err := wantedAs(r.store, r.opt, r.token)
	if err != nil {
		return err
	}
	opt := r.opt
	opt.keepDefault = true
	settle(&want, opt, r.found)
	want, how, err := finished(want, r.opt, r.found, treesOf(r.store))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, how.close()) }()
	if want.Contents, err = bootloader.Digest(want); err != nil {
		return err
	}
	found := r.found.Trusting(want.Contents)
	if r.boot.DirPart.Ours { // mounted read-only to be looked at
		found.Space.ReadOnly = false
	}
	if r.boot.ESPPart.Ours {
		found.ESPSpace.ReadOnly = false
	}
	r.facts.Want = &want
	if r.facts.Plan, err = bootloader.MakePlan(want, found); err != nil {
		r.facts.PlanErr = err
		return err
	}
	if refused, ok := errors.AsType[*SignError](how.guard(r.facts.Plan, imagesOf(want))); ok {
		r.notes = append(r.notes, fmt.Sprintf("a sync is refused: %v; %s", refused, refused.Advice))
	}
	done := describePlan(r.facts.Plan)
	more, err := syncBIOS(r.opt, *r.opt.held, r.token, nil)
	if err != nil {
		return err
	}
	r.st.Menu.Steps, r.st.Menu.Shrunk = append(done.Steps, more...), done.Shrunk
	matches := len(r.st.Menu.Steps) == 0
	r.st.Menu.Matches = &matches
	return nil
}

// diagnose ends with what those say who describe the menu, once each.
func (r *statusReader) diagnose() {
	r.st.Warnings = bootloader.Diagnose(r.found, r.facts)
	said := map[string]bool{}
	for _, note := range r.notes {
		if !said[note] {
			r.st.Warnings = append(r.st.Warnings, bootloader.Warning{Code: "menu-note", Text: note, Do: "moss-boot sync --dry-run"})
		}
		said[note] = true
	}
	for i := range r.st.Warnings {
		r.st.Warnings[i].Do = r.aimed(r.st.Warnings[i].Do)
	}
}

// aimed is a command for the root, and the place of $BOOT, that was asked about.
func (r *statusReader) aimed(do string) string {
	parts := strings.Split(do, " && ")
	for i, part := range parts {
		words := strings.Fields(part)
		at := slices.IndexFunc(words, func(w string) bool { return w == "moss" || w == "moss-boot" })
		if at < 0 || at+1 == len(words) {
			continue
		}
		if r.opt.ESP != "" && words[at] == "moss-boot" && words[at+1] != "keys" && !strings.Contains(part, "--esp") {
			part += " --esp " + shellWord(r.opt.ESP)
		}
		if filepath.Clean(r.opt.Root) != "/" {
			part = strings.Replace(part, words[at]+" ", words[at]+" -D "+shellWord(r.opt.Root)+" ", 1)
		}
		parts[i] = part
	}
	return strings.Join(parts, " && ")
}

// shellWord is a path for a shell.
func shellWord(path string) string {
	plain := strings.Trim(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+:@%") == ""
	if plain {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
