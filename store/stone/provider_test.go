package stone

import "testing"

func TestProvider(t *testing.T) {
	for text, want := range map[string]Provider{
		"nano":                            {KindName, "nano"},
		"soname(libc.so.6(x86_64))":       {KindSoname, "libc.so.6(x86_64)"},
		"pkgconfig(zlib)":                 {KindPkgConfig, "zlib"},
		"interpreter(/lib/ld.so(x86_64))": {KindInterpreter, "/lib/ld.so(x86_64)"},
		"cmake(Foo)":                      {KindCMake, "Foo"},
		"python(requests)":                {KindPython, "requests"},
		"binary(nano)":                    {KindBinary, "nano"},
		"sysbinary(init)":                 {KindSysBinary, "init"},
		"pkgconfig32(zlib)":               {KindPkgConfig32, "zlib"},
		"name(a(b))":                      {KindName, "a(b)"},
	} {
		got, err := ParseProvider(text)
		if err != nil || got != want {
			t.Errorf("parse %q: %+v, %v, want %+v", text, got, err, want)
		}
		if got := want.String(); got != text {
			t.Errorf("string of %+v: %q, want %q", want, got, text)
		}
	}
	for _, text := range []string{"", "a)", "soname(x", "soname(x) ", "wrong(x)", "(x)", "kind9(x)"} {
		if got, err := ParseProvider(text); err == nil {
			t.Errorf("parse %q: %+v, want an error", text, got)
		}
	}
}
