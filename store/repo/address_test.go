package repo_test

import (
	"net/url"
	"strings"
	"testing"

	"moss/store/repo"
)

func TestIndexURL(t *testing.T) {
	for uri, want := range map[string]string{
		"https://example.org/x86_64/stone.index": "https://example.org/x86_64/stone.index",
		"https://example.org/x86_64":             "https://example.org/x86_64/stone.index",
		"https://example.org/x86_64/":            "https://example.org/x86_64/stone.index",
		"https://example.org":                    "https://example.org/stone.index",
		"https://example.org/other.index":        "https://example.org/other.index",
		"/srv/my stones":                         "file:///srv/my%20stones/stone.index",
		"/srv/100%/a#b?c":                        "file:///srv/100%25/a%23b%3Fc/stone.index",
		"file:///srv/stones":                     "file:///srv/stones/stone.index",
		"file://localhost/srv/stones":            "file://localhost/srv/stones/stone.index",
		"http://[::1]:8080/x":                    "http://[::1]:8080/x/stone.index",
	} {
		u, err := repo.IndexURL(uri)
		if err != nil || u.String() != want {
			t.Errorf("%s: got %v %v, want %s", uri, u, err, want)
		}
	}
}

func TestPackageURL(t *testing.T) {
	const web, disk = "https://example.org/repo/x86_64/stone.index", "file:///srv/repo/stone.index"
	for _, c := range []struct{ base, uri, want string }{
		{web, "nano.stone", "https://example.org/repo/x86_64/nano.stone"},
		{web, "../../pool/n/nano.stone", "https://example.org/pool/n/nano.stone"},
		{web, "../../../../../x", "https://example.org/x"},
		{web, "/pool/nano.stone", "https://example.org/pool/nano.stone"},
		{web, "https://cdn.example.net/nano.stone", "https://cdn.example.net/nano.stone"},
		{web, "//cdn.example.net/nano.stone", "https://cdn.example.net/nano.stone"},
		{"http://example.org/stone.index", "https://cdn.example.net/nano.stone", "https://cdn.example.net/nano.stone"},
		{disk, "../pool/nano.stone", "file:///srv/pool/nano.stone"},
		{disk, "http://example.org/nano.stone", "http://example.org/nano.stone"},

		{web, "file:///etc/passwd", ""},
		{web, "FILE:///etc/passwd", ""},
		{web, "http://example.org/nano.stone", ""},
		{web, "ftp://example.org/nano.stone", ""},
		{web, "data:text/plain,x", ""},
		{web, "https://me:pw@example.org/nano.stone", ""},
		{web, "//me@example.org/nano.stone", ""},
		{web, "nano.stone#part", ""},
		{web, "", ""},
		{web, "a\nb", ""},
		{web, "a\x00b", ""},
		{web, "%zz", ""},
		{web, strings.Repeat("a", 5000), ""},
		{"http://example.org/stone.index", "file:///etc/passwd", ""},
		{disk, "file:///etc/passwd", ""},
		{disk, "/etc/passwd", ""},
		{disk, "//host/etc/passwd", ""},
		{disk, "///etc/passwd", ""},
		{disk, "file:passwd", ""},
	} {
		base, err := url.Parse(c.base)
		if err != nil {
			t.Fatal(err)
		}
		got, err := repo.PackageAtURL(base, c.uri)
		if (err != nil) != (c.want == "") || err == nil && got != c.want {
			t.Errorf("%s + %q: got %q %v, want %q", c.base, c.uri, got, err, c.want)
		}
	}
}
