package debian

import (
	"os"
	"path/filepath"
)

// masked units are of no use in a test machine and cost time under emulation.
// The value says what would be missed.
func masked() map[string]string {
	return map[string]string{
		"systemd-firstboot.service":              "asks at the console when it finds nothing set",
		"systemd-sysusers.service":               "makes accounts after every change of /usr; Skeleton has made them",
		"systemd-hwdb-update.service":            "compiles the hardware database after every change of /usr: 20 s and more",
		"systemd-journal-catalog-update.service": "explanations in journalctl -x, made after every change of /usr",
		"systemd-pstore.service":                 "keeps crash records of firmware storage",
		"systemd-binfmt.service":                 "registers foreign binary formats; none is configured",
		"systemd-tmpfiles-clean.timer":           "cleans up a day later",
		"systemd-logind.service":                 "seats and sessions; without its PAM module nothing uses them",
		"systemd-update-utmp-runlevel.service":   "notes the runlevel for programs of System V",
		"getty-static.service":                   "logins on virtual terminals; there is no screen",
		"e2scrub_all.timer":                      "checks LVM snapshots weekly",
		"fstrim.timer":                           "weekly discard",
		"modprobe@configfs.service":              "loads a module that nothing uses; so do the other three",
		"modprobe@dm_mod.service":                "device mapper",
		"modprobe@drm.service":                   "graphics",
		"modprobe@loop.service":                  "loop devices",
		"sys-kernel-config.mount":                "configfs",
		"sys-kernel-debug.mount":                 "kernel debugging",
		"sys-kernel-tracing.mount":               "kernel tracing",
		"sys-fs-fuse-connections.mount":          "loads a module that nothing uses",
		"dev-mqueue.mount":                       "POSIX message queues",
		"dev-hugepages.mount":                    "huge pages by file",
		"proc-sys-fs-binfmt_misc.automount":      "loads a module that nothing uses",
	}
}

// coldplug replaces the events for all 270 devices of a small machine by those
// for disks, networks and the serial line, which is what units wait for: a third
// of the time to the login. Devices that come later make their events as ever.
const coldplug = `[Service]
ExecStart=
ExecStart=-udevadm trigger --action=add --subsystem-match=block --subsystem-match=net --subsystem-match=virtio
ExecStart=-udevadm trigger --action=add --subsystem-match=tty --sysname-match=ttyS0
`

func makeUnits(root string) error {
	const dir = "etc/systemd/system"
	if err := put(root, file{filepath.Join(dir, "systemd-udev-trigger.service.d/quick.conf"), coldplug, 0o644, 0}); err != nil {
		return err
	}
	for unit := range masked() {
		if err := link(root, filepath.Join(dir, unit), "/dev/null"); err != nil {
			return err
		}
	}
	// A getty on the serial console even when the command line names none.
	getty := filepath.Join(dir, "getty.target.wants/serial-getty@ttyS0.service")
	if err := link(root, getty, "/usr/lib/systemd/system/serial-getty@.service"); err != nil {
		return err
	}
	// Debian's own default is the graphical target.
	_ = os.Remove(filepath.Join(root, dir, "default.target"))
	return link(root, filepath.Join(dir, "default.target"), "/usr/lib/systemd/system/multi-user.target")
}
