package pack

import "testing"

func TestRelease(t *testing.T) {
	for debian, want := range map[string]struct {
		version string
		release uint64
	}{
		"9.1-1":                    {"9.1", 1},
		"9.1-13":                   {"9.1", 13},
		"1:2.11-6":                 {"2.11", 6},
		"3:20221126-1+deb12u1":     {"20221126-1+deb12u1", 1},
		"252.39-1~deb12u2":         {"252.39-1~deb12u2", 1},
		"5.2.15-2+b13":             {"5.2.15-2+b13", 1},
		"1.5.82":                   {"1.5.82", 1},
		"2.0-rc1-4":                {"2.0-rc1", 4},
		"1.0-0":                    {"1.0-0", 1},
		"1.0-0.1":                  {"1.0-0.1", 1},
		"1.0-99999999999999999999": {"1.0-99999999999999999999", 1},
		"1:2:3-4":                  {"2_3", 4},
		"1.0-":                     {"1.0-", 1},
	} {
		version, number := release(debian)
		if version != want.version || number != want.release {
			t.Errorf("%s: got %q %d, want %q %d", debian, version, number, want.version, want.release)
		}
	}
}

func TestArch(t *testing.T) {
	for _, test := range []struct{ debian, independent, want string }{
		{"amd64", "", "x86_64"}, {"arm64", "", "aarch64"}, {"riscv64", "", "riscv64"},
		{"all", "", "x86_64"}, {"all", "aarch64", "aarch64"}, {"amd64", "aarch64", "x86_64"},
	} {
		if got := arch(test.debian, test.independent); got != test.want {
			t.Errorf("%s with %q: got %q, want %q", test.debian, test.independent, got, test.want)
		}
	}
}
