package stone

import (
	"fmt"
	"slices"
	"strings"
)

// DepKind is the name space a dependency or provider lives in. The values are
// those of the file format.
type DepKind uint8

// The kinds of version 1.
const (
	KindName DepKind = iota
	KindSoname
	KindPkgConfig
	KindInterpreter
	KindCMake
	KindPython
	KindBinary
	KindSysBinary
	KindPkgConfig32
	depKinds
)

func depKindNames() [depKinds]string {
	return [depKinds]string{
		"name", "soname", "pkgconfig", "interpreter", "cmake", "python", "binary", "sysbinary", "pkgconfig32",
	}
}

// String is the word before the parenthesis: "soname", "pkgconfig", ...
func (k DepKind) String() string {
	if k >= depKinds {
		return fmt.Sprintf("kind%d", uint8(k))
	}
	return depKindNames()[k]
}

// Provider is one capability: a package needs it, has it or refuses it.
type Provider struct {
	Kind DepKind
	Name string
}

// String is "kind(name)", or the bare name of a package. A package whose name
// holds a parenthesis is written "name(...)", so that ParseProvider always
// gives back the same value.
func (p Provider) String() string {
	if p.Kind == KindName && p.Name != "" && !strings.ContainsAny(p.Name, "()") {
		return p.Name
	}
	return p.Kind.String() + "(" + p.Name + ")"
}

// ParseProvider reads what String writes.
func ParseProvider(s string) (Provider, error) {
	kind, rest, ok := strings.Cut(s, "(")
	if !ok {
		if s == "" || strings.Contains(s, ")") {
			return Provider{}, fmt.Errorf("parse provider %q: want a name or kind(name)", s)
		}
		return Provider{Kind: KindName, Name: s}, nil
	}
	name, ok := strings.CutSuffix(rest, ")")
	if !ok {
		return Provider{}, fmt.Errorf("parse provider %q: no closing parenthesis", s)
	}
	names := depKindNames()
	i := slices.Index(names[:], kind)
	if i < 0 {
		return Provider{}, fmt.Errorf("parse provider %q: unknown kind %q, known are %s", s, kind, strings.Join(names[:], ", "))
	}
	return Provider{Kind: DepKind(i), Name: name}, nil
}
