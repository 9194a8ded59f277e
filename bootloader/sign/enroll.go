package sign

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"moss/bootloader/efivar"
	"moss/internal/atomicfile"
)

// Update is one of the three variables that make Secure Boot ours.
type Update struct {
	Name string // db, KEK or PK
	Key  efivar.Key
	// List is the value, Signed what has to be written for it.
	List, Signed []byte
}

// Updates signs the lists for the firmware: db by KEK, KEK by PK, PK by itself,
// in the order in which they have to be written. The platform key comes last:
// with it the firmware leaves setup mode and takes nothing unsigned any more.
func (k *Keys) Updates(extra Extra, now time.Time) ([]Update, error) {
	if k.Owner == "" {
		return nil, fmt.Errorf("enrol keys: no GUID in %s says whose they are", k.Dir)
	}
	var all []Update
	for _, one := range []struct {
		name    string
		own, by Pair
		extra   []Member
	}{{"db", k.DB, k.KEK, extra.DB}, {"KEK", k.KEK, k.PK, extra.KEK}, {"PK", k.PK, k.PK, nil}} {
		if one.by.Key == nil {
			return nil, fmt.Errorf("enrol %s: %w", one.name, errNoKey)
		}
		list := Lists(append([]Member{{X509, k.Owner, one.own.Cert.Raw}}, one.extra...))
		key := keyOf(one.name)
		signed, err := update(key, list, one.by, now)
		if err != nil {
			return nil, err
		}
		all = append(all, Update{one.name, key, list, signed})
	}
	return all, nil
}

// ErrNotSetup says that the firmware is not in setup mode: it has a platform key
// and takes changes from its owner alone.
var ErrNotSetup = errors.New("the firmware is not in setup mode")

// Enroll writes the updates to the firmware's variables and looks whether they
// are there. A cut before the last leaves setup mode on and Secure Boot off:
// the machine boots as before, and Enroll can be run again.
func Enroll(vars efivar.Vars, updates []Update) error {
	if State(vars).SetupMode != "on" {
		return fmt.Errorf("enrol keys: %w", ErrNotSetup)
	}
	for _, u := range updates {
		if err := vars.Write(u.Key, u.Signed, Authenticated); err != nil {
			return fmt.Errorf("enrol %s: %w", u.Name, err)
		}
		got, _, err := vars.Read(u.Key)
		if err != nil {
			return fmt.Errorf("enrol %s: %w", u.Name, err)
		}
		if !bytes.Equal(got, u.List) {
			return fmt.Errorf("enrol %s: the firmware took it and holds something else", u.Name)
		}
	}
	if State(vars).SetupMode != "off" {
		return errors.New("enrol keys: the firmware took them and is still in setup mode; look into its own menu")
	}
	return nil
}

// Export writes the lists (.esl) and what has to be written for them (.auth) to
// a folder: for the firmware's own menu, or for systemd-boot, which enrols what
// it finds in loader/keys/NAME on the ESP.
func Export(dir string, updates []Update) ([]string, error) {
	if err := makeDirs(dir); err != nil {
		return nil, fmt.Errorf("export keys: %w", err)
	}
	var written []string
	for _, u := range updates {
		for _, one := range []struct {
			suffix string
			data   []byte
		}{{".auth", u.Signed}, {".esl", u.List}} {
			path := filepath.Join(dir, u.Name+one.suffix)
			if err := atomicfile.Write(path, one.data, 0o644); err != nil {
				return nil, fmt.Errorf("export keys: %w", err)
			}
			written = append(written, path)
		}
	}
	return written, nil
}

// Extra are certificates and hashes that are enrolled beside ours.
type Extra struct{ DB, KEK []Member }

// MicrosoftOwner is the GUID that Microsoft's certificates are enrolled under.
const MicrosoftOwner = "77fa9abd-0359-4d32-bd60-28f4e78f784b"

// ReadExtra reads what is in dir: lists in db.esl and KEK.esl, and lists or
// certificates (.esl; .der, .cer, .crt, .pem) in the folders db and KEK.
// Certificates get owner. A folder with nothing to enrol is fs.ErrNotExist.
func ReadExtra(dir, owner string) (Extra, error) {
	var x Extra
	for _, one := range []struct {
		name    string
		members *[]Member
	}{{"db", &x.DB}, {"KEK", &x.KEK}} {
		files := []string{filepath.Join(dir, one.name+".esl")}
		rows, err := os.ReadDir(filepath.Join(dir, one.name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return Extra{}, fmt.Errorf("read certificates: %w", err)
		}
		for _, row := range rows {
			files = append(files, filepath.Join(dir, one.name, row.Name()))
		}
		for i, path := range files {
			members, err := readMembers(path, owner)
			if i == 0 && errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return Extra{}, fmt.Errorf("read certificates: %w", err)
			}
			*one.members = append(*one.members, members...)
		}
	}
	if len(x.DB)+len(x.KEK) == 0 {
		return Extra{}, fmt.Errorf("read certificates: nothing in %s: %w", dir, fs.ErrNotExist)
	}
	return x, nil
}

func readMembers(path, owner string) ([]Member, error) {
	kind := strings.ToLower(filepath.Ext(path))
	if !slices.Contains([]string{".esl", ".der", ".cer", ".crt", ".pem"}, kind) {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if kind == ".esl" {
		members, err := ParseLists(data)
		if err != nil {
			err = fmt.Errorf("%s: %w", path, err)
		}
		return members, err
	}
	if block, _ := pem.Decode(data); block != nil {
		data = block.Bytes
	}
	cert, err := x509.ParseCertificate(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return []Member{{X509, owner, cert.Raw}}, nil
}
