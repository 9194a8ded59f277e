package cmdline

import (
	"slices"
	"strings"
)

// Modules groups the parameters written as module.parameter=value by module,
// names with underscores, each as one option string for finit_module(2). The
// kernel keeps these only for built-in code; whoever loads a module must pass
// them on, as modprobe(8) does.
func (l Line) Modules() map[string]string {
	options := map[string]string{}
	for _, p := range l.Params {
		module, name, ok := strings.Cut(p.Key, ".")
		if !ok || module == "" || name == "" {
			continue
		}
		module = Underscore(module)
		if options[module] != "" {
			options[module] += " "
		}
		options[module] += option(Param{name, p.Value, p.HasValue})
	}
	return options
}

// option quotes a value with blanks again: the kernel splits the option string
// by the same rules that took the quotes off.
func option(p Param) string {
	if slices.ContainsFunc([]byte(p.Value), isBlank) {
		p.Value = `"` + p.Value + `"`
	}
	return p.String()
}
