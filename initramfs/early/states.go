package early

// recoverNames puts folders right whose tree and name differ after a cut. What
// cannot be mended is not fatal: activation will find a state that it can use.
func (b *Boot) recoverNames() error {
	wrong, err := b.states().Misnamed()
	if err == nil && len(wrong) > 0 {
		err = b.mounted.writable()
	}
	if err == nil && len(wrong) > 0 {
		var repairs []string
		repairs, err = b.states().Recover()
		for _, line := range repairs {
			b.console.infof("%s", line)
		}
	}
	if err != nil {
		b.console.warnf("names of states could not be mended: %v", err)
	}
	return nil
}

// makeLinks puts root links right that are missing or fit another tree: on a
// root that was filled with states and never booted, and after a cut between an
// exchange and its links, which leaves nothing else to do. So it looks at every
// boot of a state, and writes only what is wrong. A failure shows when init is
// executed, or never: not every link is needed.
func (b *Boot) makeLinks() error {
	if b.report.Activated == 0 {
		return nil
	}
	wrong := b.states().WrongLinks()
	if len(wrong) == 0 {
		return nil
	}
	err := b.mounted.writable()
	if err == nil {
		err = b.states().Links()
	}
	if err != nil {
		b.console.warnf("links into /usr could not be made: %v", err)
		return nil
	}
	for _, link := range wrong {
		b.console.infof("%s", link)
	}
	return nil
}
