package early

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"moss/usrmerge"
)

// UsrMerge is what the usr-merge came to at this boot, with the words of package
// usrmerge and two of early boot's own.
type UsrMerge struct {
	Outcome, Reason string
}

// outcomeLeft: the gate is open, and the running system is to merge, which sees
// more than early boot does.
const outcomeLeft = "left"

// mergeUsr moves what lies in /bin, /sbin and /lib into /usr when the gate is open.
// A system works in either shape and in every shape between, so that nothing of
// this is a reason not to boot: what is wrong is told, and the boot goes on.
func (b *Boot) mergeUsr() error {
	outcome, reason, hint := b.migrate()
	b.report.UsrMerge = UsrMerge{outcome, reason}
	if hint != "" {
		hint = "; " + hint
	}
	switch outcome {
	case usrmerge.OutcomeRefused:
		b.console.warnf("usr-merge: not merged: %s%s", reason, hint)
	case usrmerge.OutcomeFailed:
		b.console.warnf("usr-merge: not finished: %s%s", reason, hint)
	case usrmerge.OutcomeMerged:
	default:
		b.console.debugf("usr-merge: %s", reason)
	}
	return nil
}

// migration is the merge of one boot.
type migration struct {
	*Boot
	config   usrmerge.Config
	override string // of moss.usrmerge=
}

func (b *Boot) migrate() (outcome, reason, hint string) {
	defer func() {
		if cause := recover(); cause != nil {
			outcome, reason, hint = usrmerge.OutcomeFailed, fmt.Sprintf("panic: %v", cause), "the next boot goes on"
		}
	}()
	m := migration{Boot: b}
	m.override, _ = b.line.Last("moss.usrmerge")
	d, err := usrmerge.Decide(b.Sysroot, m.override)
	if err != nil {
		return usrmerge.OutcomeFailed, err.Error(), ""
	}
	unmarked := d.Outcome == usrmerge.OutcomeAlready && !d.Complete
	if !d.Merge && !unmarked {
		return d.Outcome, d.Reason, d.Hint
	}
	if m.config, err = usrmerge.ReadConfig(b.Sysroot); err != nil {
		return usrmerge.OutcomeFailed, err.Error(), ""
	}
	if why := m.unseen(); why != "" {
		return outcomeLeft, why + ": the running system merges", ""
	}
	if unmarked {
		return m.mark(d)
	}
	if err := b.mounted.writable(); err != nil {
		return usrmerge.OutcomeRefused, err.Error(), ""
	}
	return m.merge()
}

// mark is for a cut after the last folder was merged: what is left to do is to look
// at all once more, and the marker. No root is made writable for that alone.
func (m *migration) mark(d usrmerge.Decision) (outcome, reason, hint string) {
	if r := m.mounted; r.flags&unix.MS_RDONLY != 0 && !r.opened {
		return d.Outcome, d.Reason, d.Hint
	}
	out, err := usrmerge.MigrateIfOpen(context.Background(), m.Sysroot, m.override, usrmerge.Options{})
	if err != nil && out.Report.Outcome == usrmerge.OutcomeAlready {
		return usrmerge.OutcomeFailed, err.Error(), ""
	}
	return out.Report.Outcome, out.Report.Reason, out.Report.Hint
}

// merge has words of its own for how far it is, so that the watch over the step
// stays quiet.
func (m *migration) merge() (outcome, reason, hint string) {
	defer m.asking()()
	m.console.warnf("usr-merge: %s; it is safe to switch off at any moment", m.intention())
	meter := m.console.measure()
	out, err := usrmerge.MigrateIfOpen(context.Background(), m.Sysroot, m.override, usrmerge.Options{Depmod: m.depmod, Progress: meter.progress})
	took := meter.end()
	r := &out.Report
	for _, note := range slices.Concat(r.Notes, out.Notes) {
		m.console.infof("usr-merge: %s", note)
	}
	if r.Outcome == usrmerge.OutcomeMerged {
		if err != nil { // of the report or the marker, which the next boot writes
			m.console.warnf("usr-merge: %v", err)
		}
		m.console.warnf("usr-merge: done in %s%s", shortTime(took), m.kept(r.Counts.Orphans))
	}
	return r.Outcome, r.Reason, r.Hint
}

// kept says where the files are that /usr has differently.
func (m *migration) kept(orphans int) string {
	if orphans == 0 {
		return ""
	}
	return fmt.Sprintf("; %d that /usr has differently: %s", orphans, m.config.Orphans)
}

// intention names the folders that are folders now.
func (m *migration) intention() string {
	var names []string
	for _, name := range m.config.Dirs {
		if info, err := os.Lstat(filepath.Join(m.Sysroot, name)); err == nil && info.IsDir() {
			names = append(names, "/"+name)
		}
	}
	last := len(names) - 1
	switch last {
	case -1:
		return "finishing what was begun"
	case 0:
		return "moving " + names[0] + " into /usr"
	}
	return "moving " + strings.Join(names[:last], ", ") + " and " + names[last] + " into /usr"
}
