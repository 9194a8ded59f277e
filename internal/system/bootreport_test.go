package system_test

import (
	"strings"
	"testing"

	"moss/internal/system"
)

// FuzzBootReport: early boot's report is a file like any other, which a crash may
// have cut short.
func FuzzBootReport(f *testing.F) {
	f.Add("moss.fstx=3 quiet", []byte(`{"wanted":3,"activated":2,"fallback":true,"reason":"a\nb","failed":[{"state":3,"reason":"c"}],"start_ms":9,"end_ms":5}`))
	f.Add("moss.fstx=", []byte(`{"wanted":-1}`))
	f.Add("", []byte(`{"failed":null`))
	f.Fuzz(func(t *testing.T, line string, report []byte) {
		boot, err := system.ThisBootOf(line, report)
		if boot.EarlyMS < 0 || boot.Failed == nil {
			t.Errorf("got %+v", boot)
		}
		if err != nil && (boot.Fallback || !strings.Contains(err.Error(), "boot.json")) {
			t.Errorf("got %+v, %v, want no half of a report, and its name", boot, err)
		}
	})
}
