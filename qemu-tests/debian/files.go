package debian

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

type file struct {
	path  string
	text  string
	mode  fs.FileMode
	group int
}

// put writes one file, replacing what a package or an earlier call brought.
func put(root string, f file) error {
	path := filepath.Join(root, f.path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.WriteFile(path, []byte(f.text), f.mode); err != nil {
		return err
	}
	return errors.Join(os.Chown(path, 0, f.group), os.Chmod(path, f.mode))
}

func makeFiles(root string, options Options) error {
	files := []file{
		{path: "etc/hostname", text: options.Hostname + "\n"},
		{path: "etc/hosts", text: "127.0.0.1 localhost " + options.Hostname + "\n::1 localhost\n"},
		{path: "etc/fstab", text: options.fstab()},
		{path: "etc/machine-id", text: machineID(options.MachineID), mode: 0o444},
		{path: "etc/default/locale", text: "LANG=C.UTF-8\n"},
		{path: "etc/locale.conf", text: "LANG=C.UTF-8\n"},
		{path: "etc/timezone", text: "Etc/UTC\n"},
		// login reads both through pam_env and complains when one is absent.
		{path: "etc/environment", text: ""},
		// debianutils' script collects these; chsh and getty know no others.
		{path: "etc/shells", text: "/bin/sh\n/usr/bin/sh\n/bin/bash\n/usr/bin/bash\n/bin/dash\n/usr/bin/dash\n"},
		{path: "etc/nsswitch.conf", text: nsswitch},
		// The same directories as libc-bin's file brings on other systems.
		{path: "etc/ld.so.conf", text: "include /etc/ld.so.conf.d/*.conf\n"},
		{path: "etc/systemd/journald.conf.d/volatile.conf", text: journal},
		{path: "etc/systemd/system.conf.d/patient.conf", text: manager},
	}
	for _, f := range files {
		if f.mode == 0 {
			f.mode = 0o644
		}
		if err := put(root, f); err != nil {
			return err
		}
	}
	return errors.Join(makePAM(root), makeShellFiles(root))
}

func (o Options) fstab() string {
	var b strings.Builder
	if o.RootPARTUUID != "" {
		// No fsck: the check before the mount is the kernel's journal replay,
		// and no fsck program is installed.
		fmt.Fprintf(&b, "PARTUUID=%s / ext4 rw,relatime 0 0\n", o.RootPARTUUID)
	}
	if o.ESPPARTUUID != "" {
		// nofail: a machine whose ESP is damaged must still reach a login.
		fmt.Fprintf(&b, "PARTUUID=%s /efi vfat umask=0077,nofail 0 0\n", o.ESPPARTUUID)
	}
	return b.String()
}

// machineID is the file's content: without an id it is empty, and then systemd
// makes one at the first boot; a lone newline would be an invalid id.
func machineID(id string) string {
	if id == "" {
		return ""
	}
	return id + "\n"
}

// nsswitch leaves out DNS and what is not installed: a look-up that cannot be
// answered must fail at once.
const nsswitch = `passwd: files
group: files
shadow: files
gshadow: files
hosts: files
networks: files
protocols: files
services: files
`

// journal stays in memory: writing it out costs seconds under emulation, and
// the console log tells what happened.
const journal = `[Journal]
Storage=volatile
`

// manager waits longer than the usual 90 seconds: on a busy host emulation may
// need them, and a unit that failed by time alone would be a false alarm. A unit
// that really hangs is ended by the test's own limit. Stopping is another
// matter: nothing here has anything to save. The units' names on the console say
// what a boot that hangs waits for.
const manager = `[Manager]
DefaultTimeoutStartSec=5min
DefaultDeviceTimeoutSec=5min
DefaultTimeoutStopSec=20s
ShowStatus=yes
`

// makePAM writes the stacks that pam-auth-update would make of the only profile
// installed, "unix": the primary module skips over the deny when it succeeds.
func makePAM(root string) error {
	const head = "# As pam-auth-update makes it of the profile unix.\n"
	for name, text := range map[string]string{
		"common-auth": "auth [success=1 default=ignore] pam_unix.so nullok\n" +
			"auth requisite pam_deny.so\nauth required pam_permit.so\n",
		"common-account": "account [success=1 new_authtok_reqd=done default=ignore] pam_unix.so\n" +
			"account requisite pam_deny.so\naccount required pam_permit.so\n",
		"common-password": "password [success=1 default=ignore] pam_unix.so obscure yescrypt\n" +
			"password requisite pam_deny.so\npassword required pam_permit.so\n",
		"common-session": "session [default=1] pam_permit.so\nsession requisite pam_deny.so\n" +
			"session required pam_permit.so\nsession required pam_unix.so\n",
		"common-session-noninteractive": "session [default=1] pam_permit.so\nsession requisite pam_deny.so\n" +
			"session required pam_permit.so\nsession required pam_unix.so\n",
	} {
		if err := put(root, file{"etc/pam.d/" + name, head + text, 0o644, 0}); err != nil {
			return err
		}
	}
	return nil
}

// makeShellFiles copies what base-files' script copies.
func makeShellFiles(root string) error {
	for from, to := range map[string]string{"profile": "etc/profile", "dot.profile": "root/.profile", "dot.bashrc": "root/.bashrc"} {
		text, err := os.ReadFile(filepath.Join(root, "usr/share/base-files", from))
		if errors.Is(err, fs.ErrNotExist) || exists(filepath.Join(root, to)) {
			continue
		}
		if err != nil {
			return err
		}
		if err := put(root, file{to, string(text), 0o644, 0}); err != nil {
			return err
		}
	}
	return nil
}
