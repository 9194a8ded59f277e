package cmdline

import "strings"

// Param is one word of the command line. "ro" has no value, "x=" an empty one;
// the kernel tells them apart, and so does HasValue.
type Param struct {
	Key, Value string
	HasValue   bool
}

// Line is a command line: the kernel's part in the order given, repetitions
// kept, and init's arguments (what follows "--").
type Line struct {
	Params []Param
	Init   []string
}

// Parse reads the text of /proc/cmdline.
func Parse(text string) Line {
	var line Line
	for rest := skipBlanks(text); rest != ""; {
		var p Param
		p, rest = next(rest)
		if p.Key == "--" && !p.HasValue {
			line.Init = initArgs(rest)
			break
		}
		line.Params = append(line.Params, p)
	}
	return line
}

func initArgs(rest string) []string {
	var args []string
	for rest != "" {
		var p Param
		p, rest = next(rest)
		args = append(args, p.String())
	}
	return args
}

// String is the parameter as init receives it in its arguments or environment,
// without quotes.
func (p Param) String() string {
	if !p.HasValue {
		return p.Key
	}
	return p.Key + "=" + p.Value
}

// Last is the value of the last parameter with this key, "" when that has
// none; ok tells whether there is one. Nearly every reader of the command line
// lets the last one win, which is how a user at the boot menu overrides an entry.
func (l Line) Last(key string) (value string, ok bool) {
	for i := len(l.Params) - 1; i >= 0; i-- {
		if Same(l.Params[i].Key, key) {
			return l.Params[i].Value, true
		}
	}
	return "", false
}

// All lists the values of every parameter with this key, in order.
func (l Line) All(key string) []string {
	var values []string
	for _, p := range l.Params {
		if Same(p.Key, key) {
			values = append(values, p.Value)
		}
	}
	return values
}

// Has tells whether the key is there, with or without a value.
func (l Line) Has(key string) bool {
	_, ok := l.Last(key)
	return ok
}

// Same compares two keys as the kernel does (parameqn, kernel/params.c): "-"
// and "_" are one character, letters keep their case.
func Same(a, b string) bool {
	return Underscore(a) == Underscore(b)
}

// Underscore is the key with every "-" written "_", the form in which the
// kernel names modules.
func Underscore(key string) string {
	return strings.ReplaceAll(key, "-", "_")
}
