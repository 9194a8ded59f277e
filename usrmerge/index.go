package usrmerge

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"moss/internal/heapsort"
)

// takeIndexes lets the module indexes of the old place take the place of those in
// /usr: they are what modprobe(8) went by until now.
func (a *applier) takeIndexes() error {
	return a.each(actIndex, func(d *both, e *entry) error {
		if err := a.replace(d, e); err != nil {
			return err
		}
		return a.step("index-taken")
	})
}

// kernels are the versions whose modules were merged file by file, so that their
// index may lack some. A run that goes on after a cut finds the same, in the old
// folders or in the journal.
func (a *applier) kernels() (all []string) {
	for _, t := range a.found.tops {
		modules := t.tree.lookup([]string{"modules"})
		if !t.leftover || modules == nil {
			continue
		}
		for i := range modules.kids {
			kernel := &modules.kids[i]
			for j := range kernel.kids {
				if isIndex(path.Join(t.path, "modules", kernel.name, kernel.kids[j].name)) {
					all = append(all, kernel.name)
					break
				}
			}
		}
	}
	for name := range a.made.notes {
		name = strings.TrimPrefix(name, "usr/")
		if version, _ := kernelOf(name); isIndex(name) && !slices.Contains(all, version) {
			all = append(all, version)
		}
	}
	heapsort.Strings(all)
	return all
}

// regenerate makes the indexes anew. They are right for what the machine had
// before, so a failure is worth a note and no more. depmod(8) syncs nothing: a cut
// after its rename may leave files of 0 bytes. So the old folders, which tell the
// next run that this is owed, go only after a sync.
func (a *applier) regenerate() error {
	if a.o.Depmod == nil {
		return nil
	}
	versions := a.kernels()
	for _, version := range versions {
		if err := a.o.Depmod(version); err != nil {
			a.res.Notes = append(a.res.Notes, fmt.Sprintf("module indexes of %s are as they were: %v", version, err))
		}
		if err := a.step("regenerated"); err != nil {
			return err
		}
	}
	if len(versions) == 0 {
		return nil
	}
	return a.sync()
}
