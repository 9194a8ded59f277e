package trigger

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// forbidden are system calls that no index or cache needs and that only reach
// further into the kernel: most need a capability that is gone, but a new user
// namespace would hand them all out again inside it.
func forbidden() []uint32 {
	return []uint32{
		unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT,
		unix.SYS_FSOPEN, unix.SYS_FSCONFIG, unix.SYS_FSMOUNT, unix.SYS_FSPICK, unix.SYS_MOVE_MOUNT, unix.SYS_OPEN_TREE, unix.SYS_MOUNT_SETATTR,
		unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_PERF_EVENT_OPEN, unix.SYS_BPF, unix.SYS_USERFAULTFD,
		unix.SYS_IO_URING_SETUP, unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE, unix.SYS_KEXEC_LOAD, unix.SYS_REBOOT,
		unix.SYS_SWAPON, unix.SYS_SWAPOFF, unix.SYS_ACCT, unix.SYS_QUOTACTL, unix.SYS_SYSLOG, unix.SYS_SETHOSTNAME, unix.SYS_SETDOMAINNAME,
		unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME, unix.SYS_ADJTIMEX, unix.SYS_CLOCK_ADJTIME, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_KEYCTL,
		unix.SYS_OPEN_BY_HANDLE_AT,
	}
}

const (
	newNamespaces = unix.CLONE_NEWNS | unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWIPC |
		unix.CLONE_NEWUTS | unix.CLONE_NEWNET | unix.CLONE_NEWCGROUP
	// Offsets in struct seccomp_data (linux/seccomp.h), little endian machines.
	offsetCall, offsetArch, offsetFirst = 0, 4, 16
	x32Bit                              = 0x40000000 // calls of amd64's other ABI
)

// filterCalls installs the filter on the calling thread. On a machine whose
// numbers are not known here the other walls stand alone.
func filterCalls() error {
	arch, known := map[string]uint32{"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64,
		"riscv64": unix.AUDIT_ARCH_RISCV64}[runtime.GOARCH]
	if !known {
		return nil
	}
	program := filter(arch)
	prog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	// Not by unix.Prctl: only in the call itself does the address keep what it
	// points to in its place.
	if _, _, err := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&prog))); err != 0 {
		return err
	}
	return nil
}

func filter(arch uint32) []unix.SockFilter {
	load := func(at uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at}
	}
	// A test skips what follows it unless it holds.
	test := func(how uint16, k uint32, skipIfTrue, skipIfFalse uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | how | unix.BPF_K, Jt: skipIfTrue, Jf: skipIfFalse, K: k}
	}
	give := func(k uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k} }
	refuse, unknown := give(unix.SECCOMP_RET_ERRNO|uint32(unix.EPERM)), give(unix.SECCOMP_RET_ERRNO|uint32(unix.ENOSYS))
	p := []unix.SockFilter{
		load(offsetArch), test(unix.BPF_JEQ, arch, 1, 0), unknown,
		load(offsetCall), test(unix.BPF_JGE, x32Bit, 0, 1), unknown,
		// clone3 has its flags in memory, out of a filter's reach; told that it
		// does not exist, the C library uses clone.
		test(unix.BPF_JEQ, unix.SYS_CLONE3, 0, 1), unknown,
	}
	for _, call := range forbidden() {
		p = append(p, test(unix.BPF_JEQ, call, 0, 1), refuse)
	}
	return append(p, test(unix.BPF_JEQ, unix.SYS_CLONE, 0, 3), load(offsetFirst), test(unix.BPF_JSET, newNamespaces, 0, 1), refuse,
		give(unix.SECCOMP_RET_ALLOW))
}
