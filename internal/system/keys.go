package system

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"moss/bootloader/sign"
)

// vendorCerts is where a distribution puts the certificates of Microsoft, below
// the root: folders db and KEK.
const vendorCerts = "usr/lib/moss/secureboot/microsoft"

// KeysInfo says which keys a root has.
type KeysInfo struct {
	Dir         string `json:"dir"`
	Owner       string `json:"owner"`
	Fingerprint string `json:"fingerprint"` // SHA-256 of the certificate that signs files
}

// CreateKeys makes Secure Boot keys for a root. Keys that are there stay: then it
// is refused.
func CreateKeys(opt Options) (KeysInfo, error) {
	k, err := sign.Create(opt.Root, opt.Now)
	if errors.Is(err, sign.ErrExists) {
		return KeysInfo{}, &SignError{"make Secure Boot keys", err, "use them; to start anew, take them out of the firmware first and move the folder away"}
	}
	if err != nil {
		return KeysInfo{}, err
	}
	return infoOf(k), nil
}

func infoOf(k *sign.Keys) KeysInfo {
	return KeysInfo{k.Dir, k.Owner, sign.Fingerprint(k.DB.Cert)}
}

// Enrollment says what is enrolled beside our keys. One of the first three has
// to be chosen: a machine whose graphics card brings a program that Microsoft
// signed shows nothing, and some do not start, once the firmware trusts nobody
// else.
type Enrollment struct {
	Microsoft bool   // the certificates of Microsoft that the distribution ships
	Extra     string // a folder with certificates
	OwnOnly   bool   // none
	Export    string // write files to this folder instead of enrolling
	Force     bool   // enroll although what is on $BOOT would not start then
	// Agree is asked before the firmware is changed; nil agrees.
	Agree func() (bool, error)
}

// Enrolled is what was done.
type Enrolled struct {
	Enrolled []string `json:"enrolled"` // names of variables
	Files    []string `json:"files"`    // what was written
	Others   int      `json:"others"`   // certificates and hashes beside ours
}

// EnrollKeys makes a root's keys those of the machine, or writes the files for
// it.
func EnrollKeys(opt Options, e Enrollment) (Enrolled, error) {
	k, err := enrolling(opt, e)
	if err != nil {
		return Enrolled{}, err
	}
	extra, err := e.read(opt.Root, k.Owner)
	if err != nil {
		return Enrolled{}, err
	}
	if err := e.startable(opt, k, extra); err != nil {
		return Enrolled{}, err
	}
	updates, err := k.Updates(extra, opt.Now)
	if err != nil {
		return Enrolled{}, err
	}
	done := Enrolled{Enrolled: []string{}, Files: []string{}, Others: len(extra.DB) + len(extra.KEK)}
	if e.Export != "" {
		done.Files, err = sign.Export(e.Export, updates)
		return done, err
	}
	if e.Agree != nil {
		if ok, err := e.Agree(); err != nil || !ok {
			return done, err
		}
	}
	if err := sign.Enroll(opt.vars(), updates); err != nil {
		return done, err
	}
	for _, u := range updates {
		done.Enrolled = append(done.Enrolled, u.Name)
	}
	return done, nil
}

// enrolling checks all that can be checked before anybody is asked.
func enrolling(opt Options, e Enrollment) (*sign.Keys, error) {
	if !e.Microsoft && e.Extra == "" && !e.OwnOnly {
		return nil, &SignError{"enrol keys", errors.New("with our keys alone the firmware starts no option ROM, such as a graphics card's, that Microsoft signed: the machine may show nothing or not start"),
			"choose --microsoft, --extra DIR with the certificates that this machine needs, or --own-only where it surely needs none"}
	}
	if err := settable(opt, e); err != nil {
		return nil, err
	}
	dir, err := sign.Find(opt.Root)
	if errors.Is(err, sign.ErrNoKeys) {
		return nil, &SignError{"enrol keys", err, "make them with moss-boot keys create"}
	}
	if err != nil {
		return nil, err
	}
	return sign.Load(dir)
}

// startable: what starts the machine next has to be signed by what the firmware
// will know, or it stops at the next boot. With files alone nothing changes yet.
func (e Enrollment) startable(opt Options, k *sign.Keys, extra sign.Extra) (err error) {
	if e.Force || e.Export != "" {
		return nil
	}
	const what, advice = "enrol keys", "run moss-boot sync && moss-boot update; --force enrolls all the same"
	opt, release := holdBoot(opt, true)
	defer func() { err = errors.Join(err, release()) }()
	files, loaders, err := bootPrograms(opt)
	if err != nil {
		return &SignError{what, fmt.Errorf("what starts next cannot be looked at: %w", err), "name the place of $BOOT with --esp DIR; --force enrolls all the same"}
	}
	if loaders == 0 {
		return &SignError{what, errors.New("there is no boot loader on the ESP that these keys could have signed"), "run moss-boot install; --force enrolls all the same"}
	}
	coming := sign.Firmware{DB: append([]sign.Member{{Kind: sign.X509, Owner: k.Owner, Data: k.DB.Cert.Raw}}, extra.DB...)}
	var bad []string
	for _, path := range files {
		err := coming.Starts(path)
		switch {
		case errors.Is(err, sign.ErrUnsigned) || errors.Is(err, sign.ErrFormat):
			bad = append(bad, path)
		case err != nil:
			return err
		}
	}
	if len(bad) == 0 {
		return nil
	}
	return &SignError{what, fmt.Errorf("with them the firmware would not start %s: %w", strings.Join(bad, ", "), sign.ErrUnsigned), advice}
}

// settable: the firmware has to be in setup mode, unless only files are written.
func settable(opt Options, e Enrollment) error {
	if e.Export != "" {
		return nil
	}
	vars := opt.vars()
	if vars == nil {
		return &SignError{"enrol keys", errors.New("this machine shows no EFI variables"), "write files for the firmware's own menu with --export DIR"}
	}
	if sign.State(vars).SetupMode == "on" {
		return nil
	}
	return &SignError{"enrol keys", sign.ErrNotSetup, "clear the platform key in the firmware's menu (\"setup mode\"), or write files for that menu with --export DIR"}
}

func (e Enrollment) read(root, owner string) (sign.Extra, error) {
	var all sign.Extra
	for _, one := range []struct {
		wanted     bool
		dir, owner string
		advice     string
	}{
		{e.Microsoft, filepath.Join(root, vendorCerts), sign.MicrosoftOwner, "this distribution ships no certificates of Microsoft: download them and name their folder with --extra DIR"},
		{e.Extra != "", e.Extra, owner, "put lists (db.esl, KEK.esl) or certificates (db/*.der, KEK/*.der) there"},
	} {
		if !one.wanted {
			continue
		}
		extra, err := sign.ReadExtra(one.dir, one.owner)
		if err != nil {
			return all, &SignError{"enrol keys", err, one.advice}
		}
		all.DB, all.KEK = append(all.DB, extra.DB...), append(all.KEK, extra.KEK...)
	}
	return all, nil
}
