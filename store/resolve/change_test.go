package resolve

import (
	"strings"
	"testing"
)

func remove(names ...string) Request { return Request{Remove: names} }

func TestRemove(t *testing.T) {
	full := pkgs("nano! needs ncurses libc", "ncurses", "libc", "bash! needs libc", "zlib needs libc")
	want(t, Problem{full, nil, remove("nano")}, "bash-1! libc-1 zlib-1")
	want(t, Problem{full, nil, remove("bash", "bash")}, "libc-1 nano-1! ncurses-1 zlib-1")
	want(t, Problem{full, nil, Request{Remove: []string{"ncurses"}, Force: true}}, "bash-1! libc-1 nano-1! zlib-1",
		"forced: nano needs ncurses, which nothing has")
	want(t, Problem{pkgs("a! needs b", "b needs a", "c!"), nil, remove("a")}, "c-1!")
	want(t, Problem{pkgs("cron! needs binary(mta)", "exim! has binary(mta)", "postfix has binary(mta)"), nil, remove("exim")}, "cron-1! postfix-1")
}

// TestRemoveAmongBrokenDependencies: no repository is known and something else
// is broken already. Peers look for what is missing and fail.
func TestRemoveAmongBrokenDependencies(t *testing.T) {
	broken := pkgs("nano! needs gone", "bash! needs soname(lost)", "vim! against bash")
	want(t, Problem{broken, nil, remove("nano")}, "bash-1! vim-1!", "missing before and still: bash needs soname(lost)")
	want(t, Problem{broken, pkgs("new"), install("new")}, "bash-1! nano-1! new-1! vim-1!",
		"missing before and still: bash needs soname(lost), nano needs gone")
	want(t, Problem{broken[:2], pkgs("nano", "gone", "bash"), Request{Upgrade: true}}, "bash-1! gone-1 nano-1!",
		"missing before and still: bash needs soname(lost)")
}

func TestRemoveRefused(t *testing.T) {
	full := pkgs("git! needs curl", "curl needs soname(z)", "zlib has soname(z)", "orphan needs zlib")
	wantRefused(t, Problem{full, pkgs("zlibng@main has soname(z)"), remove("zlib")},
		"remove zlib: curl needs soname(z), orphan needs zlib",
		"curl 1-1 needs soname(z); it is needed by git, which was asked for",
		"orphan 1-1 needs zlib",
		"zlibng 1-1 of repository main has soname(z) too: install it first",
		"hint: remove what needs it too, or use --force if you know better")
	wantRefused(t, Problem{full, nil, remove("curly")}, "remove curly: it is not installed", "hint: did you mean curl?")
	wantRefused(t, Problem{full, nil, Request{Remove: []string{"git"}, Install: caps("git")}},
		"git is to be installed and removed at once", "hint: ask for one of the two")
	want(t, Problem{full, pkgs("zlibng@main has soname(z) name(zlib)"), Request{Remove: []string{"zlib"}, Install: caps("zlibng")}},
		"curl-1 git-1! orphan-1 zlibng-1!")
}

func TestUpgrade(t *testing.T) {
	up := Request{Upgrade: true}
	for name, c := range map[string]struct {
		installed, available []string
		down                 bool
		want                 string
		notes                []string
	}{
		"newest of the highest priority": {[]string{"a!", "b"}, []string{"a-2@r:1", "a-3@r:1", "a-9@s:0", "b-2"}, false, "a-3! b-2", nil},
		"orphan goes":                    {[]string{"a! needs b", "b", "c"}, []string{"a-2"}, false, "a-2! c-1", []string{"no longer needed: b", "in no repository, kept as installed: c"}},
		"new dependency comes":           {[]string{"a!"}, []string{"a-2 needs b", "b"}, false, "a-2! b-1", nil},
		"same release of another build":  {[]string{"a!"}, []string{"a-1"}, false, "a-1!", nil},
		"no silent downgrade":            {[]string{"a-3!"}, []string{"a-2@main"}, false, "a-3!", []string{"a stays at 1-3: repository main has only the older 1-2"}},
		"downgrade on request":           {[]string{"a-3!"}, []string{"a-2@main"}, true, "a-2!", nil},
		"no downgrade of what is there":  {[]string{"a-3!"}, []string{"a-2@main:9", "a-3@low:1"}, true, "a-3!", nil},
		"nowhere":                        {[]string{"a!"}, nil, false, "a-1!", []string{"in no repository, kept as installed: a"}},
		"missing dependency": {[]string{"a!", "b!"}, []string{"a-2 needs c", "b-2"}, false, "a-1! b-2!",
			[]string{"a stays at 1-1: a 1-2 needs c, which cannot be had"}},
		"conflict": {[]string{"a!", "b!"}, []string{"a-2", "b-2 against a"}, false, "a-2! b-1!",
			[]string{"b stays at 1-1: b 1-2 conflicts with a 1-2"}},
		"library that another holds": {[]string{"a! needs soname(1)", "lib! has soname(1)"}, []string{"lib-2 has soname(2)"}, false, "a-1! lib-1!",
			[]string{"lib stays at 1-1: a 1-1 needs soname(1), which lib 1-2 no longer has", "in no repository, kept as installed: a"}},
		"library and user together": {[]string{"a! needs soname(1)", "lib has soname(1)"}, []string{"lib-2 has soname(2)", "a-2 needs soname(2)"}, false, "a-2! lib-2", nil},
		"provider changes":          {[]string{"a! needs soname(1)", "old has soname(1)"}, []string{"a-2 needs soname(2)", "new has soname(2)"}, false, "a-2! new-1", []string{"no longer needed: old"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := up
			r.Downgrade = c.down
			want(t, Problem{pkgs(c.installed...), pkgs(c.available...), r}, c.want, c.notes...)
		})
	}
}

func TestNothingAsked(t *testing.T) {
	want(t, Problem{pkgs("b needs x", "a!", "c against a"), pkgs("a-2"), Request{}}, "a-1! b-1 c-1", "missing before and still: b needs x")
}

func TestForce(t *testing.T) {
	offered := pkgs("vim needs lua libc", "libc")
	force := install("vim")
	force.Force = true
	want(t, Problem{nil, offered, force}, "libc-1 vim-1!", "forced: vim needs lua, which nothing has")
	force.Install = caps("unknown")
	refused(t, Problem{nil, offered, force})
	e := refused(t, Problem{pkgs("bash!"), nil, Request{Files: pkgs("enemy against bash"), Force: true}})
	if !strings.Contains(e.Error(), "enemy 1-1 conflicts with bash 1-1") {
		t.Errorf("got %v, want both named", e)
	}
}

func TestReplacementIsNoted(t *testing.T) {
	want(t, Problem{pkgs("cron! needs binary(mta)", "postfix has binary(mta)"), pkgs("exim has binary(mta) against binary(mta)"), install("exim")},
		"cron-1! exim-1!", "postfix goes: it conflicts with exim 1-1")
}

func TestExplanations(t *testing.T) {
	offered := pkgs("vim needs python(x) libc", "libc", "neovim has python(y)", "gvim needs vim",
		"ed needs soname(e)", "e1 has soname(e) against bash", "e2 has soname(e) needs soname(f)", "deep needs gvim")
	for ask, lines := range map[string][]string{
		"vin": {"install vin: no package has vin", "hint: did you mean vim?"},
		"gvim": {
			"install gvim: vim 1-1 needs python(x), which no package has",
			"you ask for gvim",
			"  gvim 1-1 needs vim",
			"    vim 1-1 needs python(x), which no package has",
			"      nearest: python(y) (neovim)",
			"hint: ask for less, remove what stands in the way, or refresh the repositories: moss repo update",
		},
		"ed": {
			"install ed: e1 1-1 conflicts with bash 1-1, which is installed and has to stay",
			"you ask for ed",
			"  ed 1-1 needs soname(e)",
			"    e1 1-1 conflicts with bash 1-1, which is installed and has to stay",
			"    e2 1-1 needs soname(f), which no package has",
			"      nearest: soname(e) (e1)",
			"hint: remove one of the two: moss remove bash",
		},
	} {
		t.Run(ask, func(t *testing.T) {
			wantRefused(t, Problem{pkgs("bash!"), offered, install(ask)}, lines...)
		})
	}
	e := refused(t, Problem{nil, nil, install("vim")})
	if !strings.Contains(e.Hint(), "moss repo update") {
		t.Errorf("got hint %q", e.Hint())
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"vim", "vin", 1}, {"vim", "vi", 1}, {"python", "pyhton", 2}, {"abc", "xyz", 3}, {"a", "abcdef", 3}, {"kitten", "sitting", 3}} {
		if got := distance(c.a, c.b, 2); got != c.want {
			t.Errorf("%s, %s: got %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
