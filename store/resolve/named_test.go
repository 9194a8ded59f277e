package resolve

import (
	"strings"
	"testing"
)

func words(s string) []string { return strings.Fields(s) }

func TestInstall(t *testing.T) {
	for name, c := range map[string]struct {
		installed, available []string
		ask, want            string
	}{
		"dependency of its own":       {nil, []string{"vim needs soname(c)", "libc has soname(c)"}, "vim", "libc-1 vim-1!"},
		"cycle":                       {nil, []string{"a needs b", "b needs c", "c needs a"}, "a", "a-1! b-1 c-1"},
		"needs itself":                {nil, []string{"a needs a soname(x) has soname(x)"}, "a", "a-1!"},
		"capability":                  {nil, []string{"vim has binary(vi)", "nano"}, "binary(vi)", "vim-1!"},
		"newest release":              {nil, []string{"vim", "vim-10", "vim-9"}, "vim", "vim-10!"},
		"priority over release":       {nil, []string{"vim-9@low:1", "vim-2@high:5"}, "vim", "vim-2!"},
		"repository name last":        {nil, []string{"vim-2@b has x", "vim-2@a has y"}, "vim", "vim-2!"},
		"installed stays":             {[]string{"vim-1!"}, []string{"vim-2"}, "vim", "vim-1!"},
		"installed becomes asked for": {[]string{"vim!  needs ncurses", "ncurses"}, nil, "ncurses", "ncurses-1! vim-1!"},
		"capability that is there":    {[]string{"a! needs binary(vi)", "nvi has binary(vi)"}, []string{"vim-9 has binary(vi)"}, "binary(vi)", "a-1! nvi-1!"},
		"capability that was asked for is not asked for twice": {[]string{"nvi! has binary(vi)"}, []string{"vim-9 has binary(vi)"}, "binary(vi)", "nvi-1!"},
		"name before provider":                                 {nil, []string{"vim", "neovim-99 has vim"}, "vim", "vim-1!"},
		"provider of a name":                                   {nil, []string{"neovim has vim"}, "vim", "neovim-1!"},
		"chosen provider before a better one": {[]string{"b! needs binary(awk)", "mawk has binary(awk)"},
			[]string{"gawk-9@r:9 has binary(awk)", "a needs binary(awk)"}, "a", "a-1! b-1! mawk-1"},
		"asked provider before a better one": {nil, []string{"gawk-9@r:9 has binary(awk)", "mawk has binary(awk)", "a needs binary(awk)"},
			"a mawk", "a-1! mawk-1!"},
		"best provider":                          {nil, []string{"gawk-9@r:1 has binary(awk)", "mawk@r:2 has binary(awk)", "a needs binary(awk)"}, "a", "a-1! mawk-1"},
		"newest provider":                        {nil, []string{"gawk-9 has binary(awk)", "mawk has binary(awk)", "a needs binary(awk)"}, "a", "a-1! gawk-9"},
		"first provider":                         {nil, []string{"gawk has binary(awk)", "mawk has binary(awk)", "a needs binary(awk)"}, "a", "a-1! gawk-1"},
		"build release":                          {nil, []string{"vim-3"}, "vim", "vim-3!"},
		"older build when the newest cannot be":  {nil, []string{"vim-2 needs nothing", "vim"}, "vim", "vim-1!"},
		"other provider when the best cannot be": {nil, []string{"a needs soname(x)", "x1-9 has soname(x) needs nothing", "x2 has soname(x)"}, "a", "a-1! x2-1"},
		"upgrade because it must":                {[]string{"lib! has soname(1)"}, []string{"lib-2 has soname(1) soname(2)", "a needs soname(2)"}, "a", "a-1! lib-2!"},
		"other provider rather than a change": {[]string{"lib! has soname(1)"}, []string{"lib-2 has soname(1) soname(2)", "other has soname(2)", "a needs soname(2)"},
			"a", "a-1! lib-1! other-1"},
		"conflict with a capability it has itself": {nil, []string{"exim has binary(mta) against binary(mta)"}, "exim", "exim-1!"},
		"replaces what only came along": {[]string{"cron! needs binary(mta)", "postfix has binary(mta)"},
			[]string{"exim has binary(mta) against binary(mta)"}, "exim", "cron-1! exim-1!"},
		"all kinds": {nil, []string{"a needs n soname(s) pkgconfig(p) interpreter(i) cmake(c) python(y) binary(b) sysbinary(u) pkgconfig32(q)",
			"b has name(n) soname(s) pkgconfig(p) interpreter(i) cmake(c) python(y) binary(b) sysbinary(u) pkgconfig32(q)"}, "a", "a-1! b-1"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Solve(Problem{pkgs(c.installed...), pkgs(c.available...), install(words(c.ask)...)})
			if err != nil || show(s) != c.want {
				t.Errorf("got %s %v, want %s", show(s), err, c.want)
			}
		})
	}
}

func TestKindsAreSeparate(t *testing.T) {
	refused(t, Problem{nil, pkgs("a needs python(x)", "b has binary(x) soname(x) pkgconfig(x)"), install("a")})
}

func TestFiles(t *testing.T) {
	installed := pkgs("vim-5! needs soname(c)", "libc has soname(c)")
	offered := pkgs("vim-6 needs soname(c)", "lua", "new-3")
	want(t, Problem{installed, offered, Request{Files: pkgs("vim-4 needs lua")}}, "lua-1 vim-4!", "no longer needed: libc")
	want(t, Problem{installed, offered, Request{Files: pkgs("vim-5 needs soname(c)")}}, "libc-1 vim-5!")
	want(t, Problem{installed, offered, Request{Files: pkgs("libc-2 has soname(c)", "libc-2 has soname(c)")}}, "libc-2! vim-5!")
	want(t, Problem{nil, offered, Request{Files: pkgs("new-1")}}, "new-1!")
	wantRefused(t, Problem{installed, offered, Request{Files: pkgs("a-1", "a-2")}},
		"install a: two different files of that name were given", "hint: give one of the two")
	wantRefused(t, Problem{installed, nil, Request{Files: pkgs("libc-2 has soname(d)")}},
		"install libc: vim 1-5 needs soname(c), which only libc 1-1 has, and a file replaces it",
		"vim has to stay",
		"  vim 1-5 needs soname(c), which only libc 1-1 has, and a file replaces it",
		"hint: ask for less, remove what stands in the way, or refresh the repositories: moss repo update")
}
