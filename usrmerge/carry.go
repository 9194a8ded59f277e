package usrmerge

import "path"

// carriable tells whether a folder that only the old place has can go over
// whole: on the same device, and with no symlink inside that climbs out of it.
// Such a symlink would be resolved from the new place before its target is there.
func (s *scanner) carriable(d *both, e *entry, reach int) bool {
	where := path.Join(d.old, e.name)
	if reach > 0 || d.mirror || d.t.leftover || d.odev != d.ndev || s.kept(s.whole, where) || s.kept(s.links, where) {
		return false
	}
	return true
}
