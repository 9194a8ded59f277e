package jsonout_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moss/internal/jsonout"
)

func TestWhatIsWrittenReadsBack(t *testing.T) {
	var w jsonout.Writer
	w.Open('{')
	w.Key("texts").Texts([]string{"a\"b\\c\n\x00\x7f", "ä€😀"})
	w.Key("none").Texts(nil)
	w.Key("number").Number(-7)
	w.Key("yes").Bool(true)
	w.Key("null").Null()
	w.Key("object").Open('{')
	w.Close('}')
	w.Key("raw").Raw("1.5")
	w.Close('}')
	var got map[string]any
	if err := json.Unmarshal(w.Bytes(), &got); err != nil {
		t.Fatalf("%v: %s", err, w.Bytes())
	}
	want := map[string]any{"texts": []any{"a\"b\\c\n\x00\x7f", "ä€😀"}, "none": []any{}, "number": -7.0, "yes": true, "null": nil,
		"object": map[string]any{}, "raw": 1.5}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// FuzzText compares with the decoder of the standard library, which puts U+FFFD
// for the same bytes.
func FuzzText(f *testing.F) {
	for _, seed := range []string{"", "a", "\"", "\\", "\n\x1f\x7f", "\xff\xfe", "ü\u2028"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var w jsonout.Writer
		w.Text(text)
		var got string
		if err := json.Unmarshal(w.Bytes(), &got); err != nil {
			t.Fatalf("%q becomes %q: %v", text, w.Bytes(), err)
		}
		if want := string([]rune(text)); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}
