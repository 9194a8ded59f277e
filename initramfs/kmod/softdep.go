package kmod

import (
	"slices"
	"strings"
)

// soft is what a module wants without needing it: names or aliases.
type soft struct{ pre, post []string }

// parseSoftdep reads modules.softdep, "softdep NAME pre: A B post: C" a line.
//
// Several lines for one module add up. kmod 30 looks at the first only, but
// depmod writes one line for each MODULE_SOFTDEP of the source: of btrfs' four
// it would miss xxhash64, and a file system with that checksum would not mount.
// Words before "pre:" or "post:" mean nothing (cifs has such lines), as in kmod.
func parseSoftdep(text string) map[string]soft {
	softs := map[string]soft{}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) < 3 || words[0] != "softdep" {
			continue
		}
		name := Name(words[1])
		s := softs[name]
		s.add(words[2:])
		softs[name] = s
	}
	return softs
}

// Wish adds soft dependencies to a module, before it in load order: for what a
// module asks the kernel for while it works and its authors did not declare. The
// kernel would run modprobe for that, and early boot has none.
func (x *Index) Wish(module string, names ...string) {
	module = Name(module)
	s := x.softs[module]
	s.pre = append(slices.Clip(s.pre), names...)
	x.softs[module] = s
}

// Omit keeps modules out of every closure: a soft dependency on one is passed
// over, a hard one is ErrOmitted.
func (x *Index) Omit(names ...string) {
	for _, name := range names {
		x.omitted = append(x.omitted, Name(name))
	}
}

func (s *soft) add(words []string) {
	var list *[]string
	for _, word := range words {
		switch {
		case word == "pre:":
			list = &s.pre
		case word == "post:":
			list = &s.post
		case list != nil:
			*list = append(*list, word)
		}
	}
}
