package early

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"moss/internal/cmdline"
	"moss/store/activate"
)

// unlockWords is what the command line says of one container, in the words of
// systemd-cryptsetup-generator(8).
type unlockWords struct {
	name, keyfile string
	tries         int
	flags         []string
	tpm2, nofail  bool
	away          string   // a key file that is on another device
	odd           []string // options that are not known
}

// argv is the call of moss-unlock.
func (w unlockWords) argv(node string) []string {
	argv := []string{unlocker, "--device", node, "--name", w.name, "--tries", strconv.Itoa(w.tries)}
	if w.keyfile != "" {
		argv = append(argv, "--keyfile", w.keyfile)
	}
	if w.tpm2 {
		argv = append(argv, "--tpm2")
	}
	if len(w.flags) > 0 {
		argv = append(argv, "--flags", strings.Join(w.flags, ","))
	}
	return argv
}

// luksAll lists the values of rd.luks.KEY= and luks.KEY=, which counts in the
// initrd as well as in the system.
func luksAll(line cmdline.Line, key string) []string {
	var values []string
	for _, p := range line.Params {
		if cmdline.Same(strings.TrimPrefix(p.Key, "rd."), "luks."+key) {
			values = append(values, p.Value)
		}
	}
	return values
}

// luksOff is the word that leaves every container shut, "" where none does: the
// last of rd.luks= and luks=, a boolean of systemd.
func luksOff(line cmdline.Line) string {
	off := ""
	for _, p := range line.Params {
		if strings.TrimPrefix(p.Key, "rd.") != "luks" {
			continue
		}
		off = ""
		if slices.Contains([]string{"0", "no", "n", "false", "f", "off"}, strings.ToLower(p.Value)) {
			off = p.String()
		}
	}
	return off
}

// luksNamed tells whether rd.luks.uuid= or rd.luks.name= names a container.
func luksNamed(line cmdline.Line, uuid string) bool {
	for _, value := range luksAll(line, "uuid") {
		if uuid != "" && strings.EqualFold(strings.TrimPrefix(value, "luks-"), uuid) {
			return true
		}
	}
	_, named := ofContainer(luksAll(line, "name"), uuid)
	return named
}

// ofContainer is the last value of the form UUID=value for a container.
func ofContainer(values []string, uuid string) (value string, ok bool) {
	for _, v := range values {
		key, rest, cut := strings.Cut(v, "=")
		if cut && uuid != "" && strings.EqualFold(strings.TrimPrefix(key, "luks-"), uuid) {
			value, ok = rest, true
		}
	}
	return value, ok
}

// forAny is the value for a container, else the last one that names none.
func forAny(values []string, uuid string) string {
	if value, ok := ofContainer(values, uuid); ok {
		return value
	}
	last := ""
	for _, v := range values {
		if key, _, cut := strings.Cut(v, "="); !cut || !isUUID(strings.TrimPrefix(key, "luks-")) {
			last = v
		}
	}
	return last
}

func isUUID(text string) bool {
	return len(text) == 36 && strings.Count(text, "-") == 4 && strings.Trim(strings.ToLower(text), "0123456789abcdef-") == ""
}

// luksWords reads the command line for a container.
func luksWords(line cmdline.Line, uuid string) (unlockWords, error) {
	w := unlockWords{tries: 3, tpm2: true}
	name, ok := ofContainer(luksAll(line, "name"), uuid)
	if !ok {
		name = "luks-" + uuid
	}
	if w.name = name; name == "" {
		return w, errors.New("rd.luks.name= gives no name after the UUID")
	}
	if err := w.key(forAny(luksAll(line, "key"), uuid)); err != nil {
		return w, err
	}
	for option := range strings.SplitSeq(forAny(luksAll(line, "options"), uuid), ",") {
		if err := w.option(option); err != nil {
			return w, err
		}
	}
	return w, nil
}

// key takes PATH. Nobody has mounted the file system of PATH:DEVICE: a passphrase
// opens such a container, too.
func (w *unlockWords) key(value string) error {
	path, device, other := strings.Cut(value, ":")
	switch {
	case value == "" || value == "none" || value == "-":
		return nil
	case other:
		w.away = device
		return nil
	case !strings.HasPrefix(path, "/"):
		return fmt.Errorf("rd.luks.key=%s is no absolute path in the image", activate.Show(value))
	}
	w.keyfile = path
	return nil
}

// option takes one word of crypttab(5). Those that change nothing here are
// passed over, those that would change what is read stop with words.
func (w *unlockWords) option(text string) error {
	key, value, _ := strings.Cut(text, "=")
	switch key {
	case "discard", "allow-discards":
		w.flags = append(w.flags, "allow-discards")
	case "no-read-workqueue", "no-write-workqueue", "same-cpu-crypt", "submit-from-crypt-cpus":
		w.flags = append(w.flags, key)
	case "tries":
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 {
			return fmt.Errorf("rd.luks.options: tries=%s is no number; 0 is without end", activate.Show(value))
		}
		w.tries = n
	case "tpm2-device":
		w.tpm2 = value != "" && value != "none"
	case "header", "plain", "tcrypt", "bitlk", "read-only", "readonly", "offset", "skip":
		return fmt.Errorf("rd.luks.options: %s is not supported by moss-unlock; boot with another initramfs", activate.Show(text))
	case "nofail":
		w.nofail = true
	case "", "luks", "timeout", "noauto", "_netdev", "x-initrd.attach", "x-systemd.device-timeout", "password-echo", "no-password-echo":
	default:
		w.odd = append(w.odd, text)
	}
	return nil
}
