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

// makeLinks makes root links that are missing, which a root that was filled
// with states and never booted lacks. A failure shows when init is executed, or
// never: not every link is needed.
func (b *Boot) makeLinks() error {
	if b.report.Wanted == 0 && !b.report.Fallback {
		return nil
	}
	missing := b.states().MissingLinks()
	if len(missing) == 0 {
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
	for _, name := range missing {
		b.console.infof("/%s was missing and is a link into /usr now", name)
	}
	return nil
}
