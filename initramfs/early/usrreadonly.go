package early

import "moss/store/activate"

// protectUsr makes /usr read-only when moss.usr=ro asks for it. That is for
// protection, not for the boot: a /usr that stays writable boots all the same.
func (b *Boot) protectUsr() error {
	value, asked := b.line.Last("moss.usr")
	switch {
	case !asked || value == "rw":
	case value != "ro":
		b.console.warnf("moss.usr=%s is not known (ro or rw); /usr stays writable", activate.Show(value))
	default:
		if err := b.states().Protect(); err != nil {
			b.console.warnf("moss.usr=ro: /usr stays writable: %v", err)
		}
	}
	return nil
}
