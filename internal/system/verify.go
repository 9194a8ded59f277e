package system

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"moss/bootloader"
	"moss/store"
	"moss/store/fetch"
	"moss/store/repo"
	"moss/store/state"
	"moss/store/verify"
)

// Finding is what a verification finds; the JSON keys are stable.
type Finding = verify.Finding

// Verify compares states with what was recorded of them; without ids every state,
// the store and the boot files. It changes nothing and takes no lock. Damage is
// both in the findings and a *verify.DamageError.
func Verify(ctx context.Context, opt Options, ids []state.ID) ([]verify.Finding, error) {
	s, err := store.View(opt.Root)
	if err != nil {
		return nil, err
	}
	found, err := verifyView(ctx, s, opt, ids)
	if err == nil && len(found) > 0 {
		err = &verify.DamageError{Found: len(found)}
	}
	return found, errors.Join(err, s.Close())
}

// verifyView notices when somebody changed the states meanwhile: what it found
// would be half of one and half of the other.
func verifyView(ctx context.Context, s *store.Store, opt Options, ids []state.ID) ([]verify.Finding, error) {
	before, err := stamp(s)
	if err != nil {
		return nil, err
	}
	c, done := checker(s, opt, ids)
	found, err := s.Verify(ctx, c, ids)
	done(err)
	if err == nil && len(ids) == 0 {
		found = append(found, bootFindings(s, opt)...)
	}
	after, stampErr := stamp(s)
	if stampErr == nil && after != before {
		return nil, &MovedError{}
	}
	return append([]verify.Finding{}, found...), errors.Join(err, stampErr)
}

// MovedError says that another process changed the states during a verification.
type MovedError struct{}

func (e *MovedError) Error() string { return "verify: the states were changed meanwhile" }

// Hint says what to do.
func (e *MovedError) Hint() string { return "run it again when the other command has finished" }

func stamp(s *store.Store) (string, error) {
	rows, err := s.States()
	if err != nil {
		return "", err
	}
	live, _ := s.Active() // an unsealed /usr is a finding, not an error
	text := live.String()
	for _, row := range rows {
		text += " " + row.ID.String()
	}
	return text, nil
}

func checker(s *store.Store, opt Options, ids []state.ID) (*verify.Checker, func(error)) {
	if opt.Progress == nil {
		return &verify.Checker{}, func(error) {}
	}
	task := opt.begin("verify", s.Paths(ids), "files")
	return &verify.Checker{Tick: task.Add}, task.Done
}

// bootFindings are the steps that would make the boot menu right.
func bootFindings(s *store.Store, opt Options) []verify.Finding {
	finding := func(path, what, text string) verify.Finding {
		return verify.Finding{Path: path, What: what, Want: text}
	}
	if _, err := readToken(opt.Root); opt.NoBoot || errors.Is(err, fs.ErrNotExist) {
		return nil // no menu was ever written
	}
	opt.keepDefault, opt.DryRun = true, true
	want, err := wanted(s, opt)
	if err == nil && !anyKernel(want) {
		return nil
	}
	var plan bootloader.Plan
	if err == nil {
		plan, err = planFor(want, opt, treesOf(s))
	}
	if err != nil {
		return []verify.Finding{{Path: "$BOOT", What: verify.Unreadable, Got: err.Error()}}
	}
	var found []verify.Finding
	for _, step := range plan.Steps {
		if step.Op != bootloader.OpSync {
			found = append(found, finding(step.Path, verify.Boot, step.Text))
		}
	}
	return found
}

// Repair verifies everything and mends what it can, the boot menu last. A state
// that is still damaged is marked bad and leaves the menu; a mark of an earlier
// repair is taken back from one that is whole.
func Repair(ctx context.Context, opt Options) ([]verify.Finding, error) {
	s, err := openStore(ctx, opt)
	if err != nil {
		return nil, err
	}
	found, err := repair(ctx, s, opt)
	return append([]verify.Finding{}, found...), errors.Join(err, s.Close())
}

func repair(ctx context.Context, s *store.Store, opt Options) ([]verify.Finding, error) {
	c, done := checker(s, opt, nil)
	found, err := s.Repair(ctx, c, store.RepairOptions{Log: func(line string) { opt.Log("warning: " + line) },
		Fetch: func(ctx context.Context, ids []string) (map[string]string, error) { return fetchByID(ctx, s, opt, ids) }})
	done(err)
	if err != nil {
		return found, err
	}
	if err := marks(s, opt, found); err != nil {
		return found, err
	}
	boot, failed := bootFindings(s, opt), error(nil)
	if len(boot) > 0 {
		if _, failed = followMenu(s, opt); failed != nil {
			failed = fmt.Errorf("mend the boot menu: %w", failed)
			opt.Log("warning: " + failed.Error())
		}
		left := bootFindings(s, opt)
		for i, f := range boot {
			boot[i].Repaired = !slices.ContainsFunc(left, func(l verify.Finding) bool { return l.Key() == f.Key() })
		}
	}
	found = append(found, boot...)
	if err := damageLeft(found); err != nil {
		return found, err
	}
	return found, failed
}

// damageLeft is nil when everything was mended.
func damageLeft(found []verify.Finding) error {
	damage := &verify.DamageError{Found: len(found), Tried: true}
	for _, f := range found {
		if f.Repaired {
			damage.Repaired++
		}
	}
	if damage.Repaired == damage.Found {
		return nil
	}
	return damage
}

// marks records which states are damaged beyond repair.
func marks(s *store.Store, opt Options, found []verify.Finding) error {
	rows, err := s.States()
	if err != nil {
		return err
	}
	for _, row := range rows {
		i := slices.IndexFunc(found, func(f verify.Finding) bool { return f.State == row.ID && !f.Repaired })
		if i < 0 {
			if err := wholeAgain(opt, row.ID, found); err != nil {
				return err
			}
			continue
		}
		if err := markBad(opt.Root, row.ID, found[i].Path+": "+found[i].What, opt.Now); err != nil {
			return err
		}
	}
	live, _ := s.Active() // an unsealed /usr is no state; nothing is live then
	return disproved(opt, live, bootedState(opt.Root, live))
}

// wholeAgain takes back what a repair made untrue.
func wholeAgain(opt Options, id state.ID, found []verify.Finding) error {
	took, err := unmark(opt.Root, id)
	if err != nil {
		return err
	}
	if took {
		opt.Log(fmt.Sprintf("warning: state %d is whole again", id))
	}
	if !slices.ContainsFunc(found, func(f verify.Finding) bool { return f.State == id }) {
		return nil
	}
	if took, err = mended(opt.Root, id); took && err == nil {
		opt.Log(fmt.Sprintf("warning: state %d was repaired: early boot may try it again", id))
	}
	return err
}

// fetchByID downloads the very builds that a repair asks for, of those that a
// repository still offers.
func fetchByID(ctx context.Context, s *store.Store, opt Options, ids []string) (map[string]string, error) {
	available, err := repo.Available(opt.Root)
	if err != nil {
		return nil, err
	}
	paths := map[string]string{}
	var files []fetch.File
	for _, one := range available {
		if _, twice := paths[one.ID]; twice || !slices.Contains(ids, one.ID) {
			continue
		}
		paths[one.ID] = filepath.Join(s.Downloads(), one.ID)
		files = append(files, fetch.File{URL: one.URL, Path: paths[one.ID], Name: one.Meta.Name, Size: one.Size, SHA256: one.ID})
	}
	err = fetch.Files(ctx, files, opt.fetching())
	for id, path := range paths {
		if !isFile(path) {
			delete(paths, id)
		}
	}
	return paths, err
}
