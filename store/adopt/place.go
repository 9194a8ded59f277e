package adopt

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"moss/store/activate"
	"moss/store/state"
)

// Problem is something that is not as it should be, or that is left out. None of
// them keeps the rest from being taken over.
type Problem struct {
	State state.ID `json:"state"` // 0: not one state's
	Path  string   `json:"path"`  // relative to /usr; "" for the state as a whole
	What  string   `json:"what"`
}

// place is where a state's tree was found.
type place struct {
	usr    string
	staged bool   // it is in AerynOS' staging folder and needs a place of its own
	fault  string // why it should not be booted, "" if nothing is known against it
}

// staging is the folder in which AerynOS' moss makes or swaps a tree.
const staging = "staging"

// survey finds the tree of every state. Trees are believed, not the names of
// their folders; a row without a tree and a tree without a row are told and left
// alone.
func (s *Source) survey() (map[state.ID]place, []Problem, error) {
	found, problems := map[state.ID]place{}, []Problem(nil)
	if s.live != 0 {
		found[s.live] = place{usr: s.trees.Usr()}
	}
	folders, err := os.ReadDir(s.path("root"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, nil, err
	}
	for _, folder := range folders {
		n, err := activate.ParseID(folder.Name())
		if err != nil || !folder.IsDir() {
			continue
		}
		s.highest = max(s.highest, n)
		problem, err := s.surveyFolder(found, n)
		if err != nil {
			return nil, nil, err
		}
		if problem != "" {
			problems = append(problems, Problem{State: n, What: problem})
		}
	}
	lines, err := s.surveyStaging(found)
	if err != nil {
		return nil, nil, err
	}
	return found, append(append(problems, lines...), s.strays(found)...), nil
}

func (s *Source) surveyFolder(found map[state.ID]place, n state.ID) (problem string, err error) {
	usr := s.trees.Archive(n)
	id, err := activate.LiveID(usr)
	if errors.Is(err, activate.ErrUnsealed) {
		if _, err := os.Lstat(usr); errors.Is(err, os.ErrNotExist) {
			return "", nil // an empty folder, as a cut before the archiving leaves
		}
		return "its tree has no valid .stateID, so it may be unfinished: left alone", nil
	}
	if err != nil {
		return "", err
	}
	s.highest = max(s.highest, id)
	if _, taken := found[id]; taken {
		return fmt.Sprintf("its folder holds a second tree of state %d: left alone", id), nil
	}
	found[id] = place{usr: usr}
	if id != n {
		return fmt.Sprintf("its folder holds the tree of state %d: the folder gets that name", id), nil
	}
	return "", nil
}

// surveyStaging looks for a tree that a power cut left between the exchange and
// the archiving: the one that was live before, or, in an activation, the one
// that was to be. It is the only copy. A tree with the highest number of all is
// more likely one that was being made.
func (s *Source) surveyStaging(found map[state.ID]place) ([]Problem, error) {
	usr := s.path("root", staging, "usr")
	if _, err := os.Lstat(usr); errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	id, err := activate.LiveID(usr)
	if errors.Is(err, activate.ErrUnsealed) {
		return []Problem{{What: "root/staging holds an unfinished tree: left alone"}}, nil
	}
	if err != nil {
		return nil, err
	}
	if _, taken := found[id]; taken {
		return []Problem{{State: id, What: "root/staging holds a second tree of it: left alone"}}, nil
	}
	s.highest = max(s.highest, id)
	at := place{usr: usr, staged: true}
	if newest := s.newest(); id == newest && s.live != 0 && id > s.live {
		at.fault = "it was in AerynOS' staging folder when the machine stopped: its triggers may not have run"
	}
	found[id] = at
	return []Problem{{State: id, What: "its tree was caught in root/staging by a power cut: it gets a folder of its own"}}, nil
}

func (s *Source) newest() (id state.ID) {
	for _, r := range s.states {
		id = max(id, r.ID)
	}
	return id
}

// strays tells of rows without trees and trees without rows.
func (s *Source) strays(found map[state.ID]place) (problems []Problem) {
	rows := map[state.ID]bool{}
	for _, r := range s.states {
		rows[r.ID] = true
		s.highest = max(s.highest, r.ID)
		if _, ok := found[r.ID]; !ok {
			problems = append(problems, Problem{State: r.ID, What: "AerynOS' database has it, but there is no tree of it: left out"})
		}
	}
	for id, at := range found {
		if !rows[id] && !s.known[id] {
			rel, _ := filepath.Rel(s.root, at.usr)
			problems = append(problems, Problem{State: id, What: "/" + rel + " is a tree of it, but AerynOS' database does not have it: left alone"})
			delete(found, id)
		}
	}
	return problems
}
