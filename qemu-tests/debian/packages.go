package debian

import "slices"

// A Set is a list of packages that is fetched, with all that they need, and
// remembered under its name.
type Set struct {
	Name     string
	Packages []string

	// Real are the packages that are not assumed but fetched.
	Real []string
}

// Base boots to a login on the serial console.
func Base() Set {
	return Set{Name: "base", Packages: []string{
		"base-files", "base-passwd", // os-release, the first accounts
		"libc6", "bash", "dash", "coreutils", "sed", "grep", "findutils", "gzip", "hostname", "ncurses-base", // a shell worth logging in to
		"util-linux", "mount", "kmod", "procps", // what systemd's units call, and ps
		"login", "passwd", "libpam-modules", "libpam-runtime", // the way from the prompt to the shell
		"systemd", "systemd-sysv", // init
		"udev", // without it systemd waits 90 seconds for dev-ttyS0.device
		"dbus", // logind and systemctl as a user need the bus
		"linux-image-amd64", "systemd-boot-efi",
	}}
}

// System is Base and the two packages by which the demo's states differ.
func System() Set {
	base := Base()
	return Set{Name: "system", Packages: append(base.Packages, "nano", "bash-completion")}
}

// Kernel is the kernel alone, for tests that bring their own init.
func Kernel() Set { return Set{Name: "kernel", Packages: []string{"linux-image-amd64"}} }

// Mini is the least with a C library, a shell and commands.
func Mini() Set { return Set{Name: "mini", Packages: []string{"libc6", "dash", "coreutils"}} }

// Loader is systemd-boot alone.
func Loader() Set { return Set{Name: "loader", Packages: []string{"systemd-boot-efi"}} }

// Odd are packages that no machine here runs and that tests of packing read: one
// whose program gets a capability from its maintainer script.
func Odd() Set { return Set{Name: "odd", Packages: []string{"iputils-ping"}} }

// Unmerged is Base without its kernel and with dpkg, for a system whose /bin, /sbin
// and /lib are folders, as the packages still have them.
func Unmerged() Set {
	packages := slices.DeleteFunc(Base().Packages, func(name string) bool {
		return name == "linux-image-amd64" || name == "systemd-boot-efi"
	})
	return Set{Name: "unmerged", Packages: append(packages, "dpkg", "libc-bin"), Real: []string{"dpkg"}}
}

// assumed is what apt is told is installed while it looks for the set.
func (s Set) assumed() []Assumption {
	return slices.DeleteFunc(Assumptions(), func(a Assumption) bool { return slices.Contains(s.Real, a.Name) })
}

// Assumption is a package that apt is told is installed, so that neither it nor
// what only it needs is fetched.
type Assumption struct {
	Name     string
	Provides string // other names by which packages need it
	Reason   string
}

// Assumptions are all left out for one kind of reason: only maintainer scripts
// use them, and those never run here. What packages say they need still names
// them: whoever checks dependencies must take these as given.
func Assumptions() []Assumption {
	return []Assumption{
		{"debconf", "debconf-2.0", "asks questions during configuration"},
		{"perl", "", "runs maintainer scripts; nothing that boots is written in it"},
		{"perl-base", "", "as perl"},
		{"adduser", "", "makes accounts from maintainer scripts; Skeleton makes them"},
		{"init-system-helpers", "", "enables units from maintainer scripts; Skeleton does"},
		{"dpkg", "", "its place is taken by the package manager under test"},
		{"usrmerge", "usr-is-merged", "moves /bin, /sbin and /lib: every path already is under /usr"},
		{"initramfs-tools", "linux-initramfs-tool", "makes the initramfs; that is under test here"},
		{"mawk", "awk", "can be called only by the link that another such script makes"},
		{"linux-base", "", "maintains links to the newest kernel in /"},
	}
}

// CommandLine are kernel parameters that save time in a test machine, a quarter
// of the kernel's own start under emulation, and change nothing that is tested.
func CommandLine() []string {
	return []string{
		"console=ttyS0", "quiet", "loglevel=4",
		"mitigations=off",    // guards against other users of the processor; there are none
		"audit=0",            // nothing reads it, journald would
		"security=none",      // no security module has a policy here
		"cryptomgr.notests",  // self-tests of every algorithm when it is loaded
		"random.trust_cpu=1", // no wait for entropy
		"tsc=reliable",       // no second clock to check the first by
		"no_timer_check",     // nor a check that the interrupt of the timer arrives
		"rodata=off",         // the kernel's own pages stay writable: no walk through all of them
	}
}
