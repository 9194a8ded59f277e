package usrmerge

// Merged tells whether every top folder of the root leads into /usr or is
// absent, and nothing of an earlier merge is left to do. It costs a few lstats.
func Merged(root string, dirs []string) (bool, error) {
	j, err := newJob(Options{Root: root, Dirs: dirs})
	if err != nil {
		return false, err
	}
	defer j.root.close()
	_, merged, err := j.merged()
	return merged, err
}

// merged looks at the top names only.
func (j *job) merged() (dirs []DirPlan, merged bool, err error) {
	tops, deep := j.split()
	merged = true
	for _, j.dirs = range [][]string{tops, deep} {
		if len(j.dirs) == 0 {
			continue
		}
		s := &scanner{job: j, orphans: -1, found: &Found{job: j}}
		if err := s.states(); err != nil {
			return nil, false, err
		}
		for _, t := range s.found.tops {
			dirs = append(dirs, t.DirPlan)
			merged = merged && !t.leftover && (t.State == StateMerged || t.State == StateAbsent)
		}
		merged = merged && len(s.found.temps) == 0
	}
	if merged {
		_, err = j.root.lstat(staging)
		merged = gone(err) && !j.made.there
	}
	return dirs, merged, nil
}

// staging is where copies wait until they are whole and on the device.
const staging = "usr/" + temporary
