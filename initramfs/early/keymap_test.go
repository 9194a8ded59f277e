package early

import (
	"encoding/binary"
	"strings"
	"testing"
)

// keyTable is a table in loadkmap's format with two of its maps.
func keyTable() []byte {
	data := append([]byte(keymapMagic), make([]byte, keymaps)...)
	data[len(keymapMagic)], data[len(keymapMagic)+2] = 1, 1
	for i := range 2 * keysInMap {
		data = binary.LittleEndian.AppendUint16(data, uint16(0xf000+i))
	}
	return data
}

func TestEachKey(t *testing.T) {
	got := map[kbentry]bool{}
	if err := eachKey(keyTable(), func(e kbentry) error { got[e] = true; return nil }); err != nil {
		t.Fatal(err)
	}
	for _, want := range []kbentry{{0, 0, 0xf000}, {0, 127, 0xf07f}, {2, 0, 0xf080}, {2, 127, 0xf0ff}} {
		if !got[want] {
			t.Errorf("got no %+v", want)
		}
	}
	if len(got) != 2*keysInMap {
		t.Errorf("got %d keys, want %d", len(got), 2*keysInMap)
	}
}

func TestEachKeyRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "no table",
		"keymaps 0-2\n":                   "no table",
		string(keyTable()[:300]):          "cut short",
		string(keyTable()[:7+256+256+10]): "cut short",
	} {
		err := eachKey([]byte(text), func(kbentry) error { return nil })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: got %v, want %q", text, err, want)
		}
	}
}
