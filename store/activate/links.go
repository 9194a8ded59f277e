package activate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"moss/internal/atomicfile"
	"moss/internal/fault"
)

// rootLink is a name at the root that programs are found by, and the places in
// /usr that it may stand for. The first that holds one of the names in serves is
// the best, else the first that is there: a stray file in /usr/lib64 must not
// take /lib64 away from the folder with the loader in it, nor one in /usr/sbin
// the programs that the kernel itself starts (CONFIG_MODPROBE_PATH).
//
// A link with one of these texts is ours, whoever made it, and follows the live
// tree. Any other link, and a folder, is the owner's.
type rootLink struct {
	name            string
	targets, serves []string
}

// rootLinks is a fresh table at each call. AerynOS keeps its 64-bit loader in
// /usr/lib, so lib64 has two targets; the loaders are those that glibc has
// below /lib64 (x86-64, LoongArch, POWER).
func rootLinks() []rootLink {
	return []rootLink{
		{"bin", []string{"usr/bin"}, nil},
		{"sbin", []string{"usr/sbin", "usr/bin"}, []string{"init", "modprobe"}},
		{"lib", []string{"usr/lib"}, nil},
		{"lib64", []string{"usr/lib64", "usr/lib"},
			[]string{"ld-linux-x86-64.so.2", "ld-linux-loongarch-lp64d.so.1", "ld64.so.2", "ld64.so.1"}},
		{"lib32", []string{"usr/lib32"}, nil},
	}
}

func (l rootLink) ours(text string) bool { return slices.Contains(l.targets, text) }

// Link is a root link that is to lead to Target, relative to the root. Was is
// where it leads now, "" when it is missing.
type Link struct{ Name, Target, Was string }

func (l Link) String() string {
	if l.Was == "" {
		return fmt.Sprintf("/%s was missing and is a link to %s now", l.Name, l.Target)
	}
	return fmt.Sprintf("/%s was a link to %s and is one to %s now", l.Name, l.Was, l.Target)
}

// RootLinks maps each root link to the text that it has with tree as /usr: the
// one that Links would give it, or the owner's. A folder of the owner's counts
// as missing. A name that would lead nowhere and is not there is left out.
func (r *Root) RootLinks(tree string) map[string]string {
	texts, v := map[string]string{}, newView(r.dir, tree)
	for _, link := range rootLinks() {
		text, err := os.Readlink(filepath.Join(r.dir, link.name))
		if err != nil || link.ours(text) {
			text = v.target(link, text)
		}
		if text != "" {
			texts[link.name] = text
		}
	}
	return texts
}

// WrongLinks lists the root links (bin, sbin, lib, lib64, lib32) that are not
// there although the live tree has a folder for them, or are ours and lead
// elsewhere than this tree needs. It writes nothing.
func (r *Root) WrongLinks() []Link {
	var wrong []Link
	want := r.RootLinks(r.Usr())
	for _, link := range rootLinks() {
		target, ok := want[link.name]
		was, err := os.Readlink(filepath.Join(r.dir, link.name))
		if ok && was != target && (err == nil || errors.Is(err, fs.ErrNotExist)) {
			wrong = append(wrong, Link{link.name, target, was})
		}
	}
	return wrong
}

// Links puts the wrong links right, durably, each in one step: at no moment is a
// link missing that was there. A link with a text of its own and a folder are
// never touched. It belongs after each exchange: Check counts on these links,
// and the kernel finds no ELF interpreter without them. After a cut in between,
// early boot calls it again. One link that fails keeps none of the others; the
// error is the first.
func (r *Root) Links() error {
	r.dropSpares()
	wrong := r.WrongLinks()
	var failed error
	for _, link := range wrong {
		if err := r.relink(link); err != nil && failed == nil {
			failed = fmt.Errorf("make root link /%s to %s: %w", link.Name, link.Target, err)
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	if err := atomicfile.SyncDir(r.dir); err != nil && failed == nil {
		failed = fmt.Errorf("make root links durable: %w", err)
	}
	return failed
}

// relink makes a missing link in place, which fails when somebody else was
// faster, and renames over one that is there.
func (r *Root) relink(link Link) error {
	path := filepath.Join(r.dir, link.Name)
	if link.Was == "" {
		return os.Symlink(link.Target, path)
	}
	spare := r.spare(link.Name)
	err := os.Symlink(link.Target, spare)
	if err == nil {
		err = fault.Point("activate/linking")
	}
	if err == nil {
		err = os.Rename(spare, path)
	}
	return err
}

// spare is where a link is made that replaces one. The name is fixed, so that
// what a cut leaves is found again.
func (r *Root) spare(name string) string { return filepath.Join(r.dir, "."+name+".moss-link") }

// dropSpares removes what a cut has left. One that stays in the way shows when
// it is needed.
func (r *Root) dropSpares() {
	for _, link := range rootLinks() {
		if _, err := os.Readlink(r.spare(link.name)); err == nil {
			_ = os.Remove(r.spare(link.name))
		}
	}
}
