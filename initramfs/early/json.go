package early

import (
	"moss/internal/jsonout"
	"moss/store/activate"
)

// writeID writes a state's number, null for none.
func writeID(w *jsonout.Writer, id activate.ID) {
	if id == 0 {
		w.Null()
		return
	}
	w.Raw(id.String())
}
