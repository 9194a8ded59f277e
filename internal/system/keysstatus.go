package system

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"moss/bootloader"
	"moss/bootloader/esp"
	"moss/bootloader/sign"
)

// KeysStatus is what `moss-boot keys status` shows; the JSON keys are stable.
type KeysStatus struct {
	SecureBoot string       `json:"secure_boot"` // on, off or unknown
	SetupMode  string       `json:"setup_mode"`
	Keys       *KeysInfo    `json:"keys"` // null without any that can be read
	Enrolled   EnrolledKeys `json:"enrolled"`
	Files      []SignedFile `json:"files"`
	Notes      []string     `json:"notes"`
}

// EnrolledKeys says of each variable whether our certificate is in it, and
// how many others.
type EnrolledKeys struct {
	PK     bool `json:"pk"`
	KEK    bool `json:"kek"`
	DB     bool `json:"db"`
	Others int  `json:"others"`
}

// SignedFile is a file that is started by the firmware.
type SignedFile struct {
	Path   string `json:"path"`
	Signed bool   `json:"signed"` // by our key, as it is now
}

// ReadKeys looks at the keys, at the firmware and at what is on $BOOT. It changes
// nothing; what it may not read it leaves out, with a note.
func ReadKeys(opt Options) (KeysStatus, error) {
	firmware := sign.State(opt.vars())
	st := KeysStatus{SecureBoot: firmware.SecureBoot, SetupMode: firmware.SetupMode, Files: []SignedFile{}, Notes: []string{}}
	note := func(format string, args ...any) { st.Notes = append(st.Notes, fmt.Sprintf(format, args...)) }
	dir, err := sign.Find(opt.Root)
	var k *sign.Keys
	if err == nil {
		k, err = sign.LoadCerts(dir)
	}
	switch {
	case errors.Is(err, sign.ErrNoKeys):
		note("there are no keys: moss-boot keys create makes them")
	case errors.Is(err, fs.ErrPermission):
		note("the certificates can only be read by root")
	case err != nil:
		return st, err
	default:
		info := infoOf(k)
		st.Keys = &info
		st.Enrolled = EnrolledKeys{PK: sign.Has(firmware.PK, k.PK.Cert), KEK: sign.Has(firmware.KEK, k.KEK.Cert), DB: sign.Has(firmware.DB, k.DB.Cert)}
	}
	st.Enrolled.count(firmware)
	if st.Files, err = bootFilesOf(opt, k); err != nil {
		note("%v", err)
	}
	st.judge(note)
	return st, nil
}

func (e *EnrolledKeys) count(f sign.Firmware) {
	e.Others = len(f.PK) + len(f.KEK) + len(f.DB)
	for _, own := range []bool{e.PK, e.KEK, e.DB} {
		if own {
			e.Others--
		}
	}
}

// judge says what does not fit together.
func (st *KeysStatus) judge(note func(string, ...any)) {
	unsigned := slices.ContainsFunc(st.Files, func(f SignedFile) bool { return !f.Signed })
	switch {
	case st.Keys == nil:
	case st.SecureBoot == "on" && !st.Enrolled.DB:
		note("Secure Boot is on and does not know our key: it starts nothing that was signed here alone")
	case st.Enrolled.DB && unsigned:
		note("not all files on $BOOT are signed: moss-boot sync signs kernels, moss-boot update the loader")
	case st.SetupMode == "on":
		note("the firmware is in setup mode: moss-boot keys enroll makes it trust our key")
	}
}

// bootFilesOf lists our kernels on $BOOT and the loaders on the ESP, and whether
// our key signed them.
func bootFilesOf(opt Options, k *sign.Keys) (files []SignedFile, err error) {
	files = []SignedFile{}
	opt, release := holdBoot(opt, true)
	defer func() { err = errors.Join(err, release()) }()
	paths, _, err := bootPrograms(opt)
	if err != nil {
		return files, err
	}
	for _, path := range paths {
		one := SignedFile{Path: path}
		if k != nil {
			err := sign.Verify(path, k.ByDB())
			if one.Signed = err == nil; err != nil && !errors.Is(err, sign.ErrUnsigned) && !errors.Is(err, sign.ErrFormat) {
				return files, err
			}
		}
		files = append(files, one)
	}
	return files, nil
}

// bootPrograms are our kernels on $BOOT and the loaders on the ESP, and how many
// of them are loaders. They can be read as long as $BOOT is held.
func bootPrograms(opt Options) (paths []string, loaders int, err error) {
	boot, err := openBoot(opt, true)
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, boot.Close()) }()
	paths = loadersOn(boot.ESP)
	loaders = len(paths)
	if token, err := readToken(opt.Root); err == nil {
		found, err := bootloader.Look(boot, token)
		if err != nil {
			return nil, 0, err
		}
		paths = append(paths, kernelsOf(found)...)
	}
	slices.Sort(paths)
	return paths, loaders, nil
}

// loadersOn lists systemd-boot and the fallback loader of an ESP.
func loadersOn(dir string) []string {
	var paths []string
	for _, rel := range []string{"EFI/systemd", "EFI/BOOT"} {
		folder, _ := esp.Fold(dir, rel)
		rows, err := os.ReadDir(folder)
		if err != nil {
			continue
		}
		for _, row := range rows {
			if row.Type().IsRegular() && strings.EqualFold(filepath.Ext(row.Name()), ".efi") {
				paths = append(paths, filepath.Join(folder, row.Name()))
			}
		}
	}
	return paths
}
