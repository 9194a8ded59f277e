package ui_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"moss/internal/ui"
)

type advised struct{}

func (advised) Error() string { return "disk is full" }
func (advised) Hint() string  { return "make room" }

func TestFailIsOneLineAndAHint(t *testing.T) {
	var out bytes.Buffer
	ui.Fail(&out, "moss", fmt.Errorf("install nano: %w", errors.Join(advised{}, errors.New("and more"))), 3, false)
	want := "moss: install nano: disk is full; and more\n  next: make room\n"
	if out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestFailAsJSON(t *testing.T) {
	var out bytes.Buffer
	ui.Fail(&out, "moss", fmt.Errorf("install <nano>: %w", advised{}), 3, true)
	var got struct {
		Error, Hint string
		Code        int
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Error != "install <nano>: disk is full" || got.Code != 3 || got.Hint != "make room" {
		t.Errorf("got %+v", got)
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 5 << 30: "5.0 GiB"} {
		if got := ui.Bytes(n); got != want {
			t.Errorf("Bytes(%d): got %s, want %s", n, got, want)
		}
	}
}
