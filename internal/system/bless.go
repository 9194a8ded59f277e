package system

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"moss/bootloader"
	"moss/bootloader/bls"
	"moss/bootloader/esp"
	"moss/store"
	"moss/store/state"
)

// Blessed is what a bless did.
type Blessed struct {
	State   state.ID `json:"state"`
	Good    bool     `json:"good"`
	Entries []string `json:"entries"` // its boot entries, by the names that they have now
	Failed  []Bad    `json:"failed"`  // states that were found to have failed meanwhile
	Notes   []string `json:"notes"`   // what could not be done, and does no harm
	Next    string   `json:"next"`    // what the loader will start, and why
}

// place is a state and, when the running kernel is meant, its release.
type place struct {
	id     state.ID
	kernel string
}

// Bless records how a boot went: of state id, or with 0 of the one that runs. A
// good boot ends the counting of its entry, becomes the last good state, and is
// the moment to give a reason to states that used up their tries. A bad state
// has no tries left from now on; opt.Comment may say why.
//
// It is meant to run at every boot and waits for the lock. Everything that does
// not need $BOOT is done first and without it.
func Bless(ctx context.Context, opt Options, good bool, id state.ID) (Blessed, error) {
	opt.Wait = true
	s, err := openStore(ctx, opt)
	if err != nil {
		return Blessed{}, err
	}
	at := place{id: id}
	if id == 0 {
		live, _ := s.Active()
		at = place{bootedState(opt.Root, live), runningKernel()}
	}
	opt, release := holdBoot(opt, false)
	done, err := bless(s, opt, good, at)
	return done, errors.Join(err, release(), s.Close())
}

func bless(s *store.Store, opt Options, good bool, at place) (Blessed, error) {
	done := Blessed{State: at.id, Good: good, Entries: []string{}, Failed: []Bad{}, Notes: []string{}}
	if at.id == 0 {
		return done, &store.RefusedError{What: "bless the booted state: which one that is cannot be told", Advice: fmt.Sprintf("name it: moss-boot bless %s STATE", goodOrBad(good))}
	}
	if _, err := s.State(at.id); err != nil {
		return done, err
	}
	if err := record(opt, good, at); err != nil {
		return done, err
	}
	if err := onBoot(s, opt, at, &done); err != nil {
		return done, notOnBoot(done, err)
	}
	return done, nil
}

// record is the part of a bless that the root keeps.
func record(opt Options, good bool, at place) error {
	if good {
		_, err := clearFailed(opt.Root, at.id)
		if at.kernel != "" {
			err = errors.Join(err, dropPassed(opt.Root), forgetAttempts(opt.Root))
		}
		return errors.Join(err, recordGood(opt.Root, at.id))
	}
	if strings.HasPrefix(failure(opt.Root, at.id), verifyReason) {
		return forgetGood(opt.Root, at.id) // damage says more, and only a verification takes it back
	}
	reason := handReason
	if opt.Comment != "" {
		reason += ": " + opt.Comment
	}
	return errors.Join(markFailed(opt.Root, at.id, reason, at.kernel, opt.Now), forgetGood(opt.Root, at.id))
}

// onBoot is the part that $BOOT keeps. It is opened for writing only when there
// is something to write: most boots are of an entry that proved itself long ago,
// from a partition that may well be read-only.
func onBoot(s *store.Store, opt Options, at place, done *Blessed) error {
	found, err := look(s, opt)
	if errors.Is(err, esp.ErrNoBoot) || errors.Is(err, fs.ErrNotExist) {
		done.Notes = append(done.Notes, "no boot entry was changed: "+err.Error())
		return nil
	}
	if err != nil {
		return err
	}
	// A state is bad with all its kernels, or the menu would start it again.
	pick := func(found bootloader.Found) []string { return entriesOf(found, at.id, "") }
	if done.Good && at.kernel != "" {
		pick = func(found bootloader.Found) []string { return entriesBooted(found, at.id, at.kernel) }
	}
	if len(pick(found)) == 0 {
		done.Notes = append(done.Notes, fmt.Sprintf("no boot entry was changed: there is none of state %d for this kernel", at.id))
	}
	if done.Entries, err = blessAll(s, opt, found, pick, saying(done.Good)); err != nil {
		return err
	}
	if !done.Good {
		return moveDefault(s, opt, at.id, done)
	}
	if done.Failed, err = markExhausted(s, opt, found, at.id); err != nil {
		return err
	}
	if err = giveUp(s, opt); err != nil {
		return err
	}
	found, err = look(s, opt)
	done.next(found.Next())
	return err
}

// next says what the loader will start, if anything.
func (done *Blessed) next(c bootloader.Choice) {
	if c.File == "" && c.Why == "" {
		done.Notes = append(done.Notes, "the loader has nothing to start: "+c.Text)
		return
	}
	done.Next = c.Text
}

// verdict is what a name says of an entry's boots, and how to say it.
type verdict struct {
	right func(bls.Name) bool
	say   func(f bootloader.Found, file string) (name string, err error)
}

func saying(good bool) verdict {
	right := bls.Name.Bad
	if good {
		right = func(n bls.Name) bool { return !n.Counted }
	}
	return verdict{right, func(f bootloader.Found, file string) (string, error) { return bootloader.Bless(f, file, good) }}
}

// blessAll renames what pick takes, and returns the names that these have then.
func blessAll(s *store.Store, opt Options, found bootloader.Found, pick func(bootloader.Found) []string, v verdict) (names []string, err error) {
	if files := pick(found); !v.pending(found, files) {
		return append([]string{}, files...), nil
	}
	opt, release := holdBoot(opt, false)
	defer func() { err = errors.Join(err, release()) }()
	if found, err = look(s, opt); err != nil {
		return []string{}, err
	}
	names = []string{}
	for _, file := range pick(found) {
		name, err := v.say(found, file)
		if err != nil {
			return names, err
		}
		names = append(names, name)
	}
	return names, nil
}

// pending: some entry, or a twin of it, has not the name that it should have.
func (v verdict) pending(found bootloader.Found, files []string) bool {
	for _, file := range files {
		i := slices.IndexFunc(found.Ours, func(o bootloader.Own) bool { return o.File == file })
		for _, own := range found.Ours {
			if own.Name.Stem == found.Ours[i].Name.Stem && (own.File != file || !v.right(own.Name)) {
				return true
			}
		}
	}
	return false
}

// moveDefault lets the order decide when a choice made earlier still leads to the
// bad state: bad entries come last in it.
func moveDefault(s *store.Store, opt Options, id state.ID, done *Blessed) error {
	found, err := look(s, opt)
	if err != nil {
		return err
	}
	if found.DefaultState() == uint64(id) || found.Usual().State == uint64(id) && anyTries(found) {
		opt.Default, opt.take = 0, true
		if _, err := syncMenu(s, opt); err != nil {
			return err
		}
		if found, err = look(s, opt); err != nil {
			return err
		}
	}
	next := found.Next()
	done.next(next)
	if next.State == uint64(id) {
		done.Notes = append(done.Notes, fmt.Sprintf("state %d is still what the loader starts next: %s", id, next.Text))
	}
	return nil
}

// anyTries: the loader could start something else of ours.
func anyTries(found bootloader.Found) bool {
	return slices.ContainsFunc(found.Ours, func(o bootloader.Own) bool { return o.Err == nil && o.Entry.Hidden == "" && !o.Name.Bad() })
}

func notOnBoot(done Blessed, err error) error {
	word := goodOrBad(done.Good)
	return &PartError{fmt.Sprintf("state %d is recorded as %s", done.State, word),
		fmt.Sprintf("mend the cause, then run: moss-boot bless %s %d", word, done.State), err}
}

func goodOrBad(good bool) string {
	if good {
		return "good"
	}
	return "bad"
}

// stemOf reads a path or an id that the loader gave: the entry's name without
// its counter.
func stemOf(text string) string {
	name, _ := bls.ParseName(path.Base(strings.ReplaceAll(text, `\`, "/")))
	return strings.ToLower(name.Stem)
}
