package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// guardVerb is for flakey's own child, which becomes the program.
const guardVerb = "guarded"

// calls are those that change what is on a disk, or wait until it is there.
// Writing to files is not among them: it only fills the cache.
func calls() map[int]string {
	return map[int]string{
		unix.SYS_FSYNC: "fsync", unix.SYS_FDATASYNC: "fdatasync", unix.SYS_SYNCFS: "syncfs", unix.SYS_SYNC: "sync", unix.SYS_MSYNC: "msync",
		unix.SYS_RENAME: "rename", unix.SYS_RENAMEAT: "renameat", unix.SYS_RENAMEAT2: "renameat2",
		unix.SYS_LINK: "link", unix.SYS_LINKAT: "linkat", unix.SYS_SYMLINK: "symlink", unix.SYS_SYMLINKAT: "symlinkat",
		unix.SYS_MKDIR: "mkdir", unix.SYS_MKDIRAT: "mkdirat", unix.SYS_RMDIR: "rmdir",
		unix.SYS_UNLINK: "unlink", unix.SYS_UNLINKAT: "unlinkat",
	}
}

func callName(number int) string { return calls()[number] }

// startGuarded starts flakey's child and returns the descriptor on which its
// calls are told.
func startGuarded(cmd *exec.Cmd) (listener int, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "ours"), os.NewFile(uintptr(pair[1]), "theirs")
	defer ours.Close()
	cmd.ExtraFiles = []*os.File{theirs}
	err = cmd.Start()
	_ = theirs.Close() // or the child's death would not be seen
	if err != nil {
		return 0, err
	}
	rights := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(pair[0], make([]byte, 1), rights, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return 0, err
	}
	messages, err := unix.ParseSocketControlMessage(rights[:n])
	if err != nil || len(messages) == 0 {
		return 0, errors.Join(err, errors.New("the program was not started"), cmd.Wait())
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return 0, err
	}
	return fds[0], nil
}

// guard puts itself under a filter, hands its end to the parent and becomes the
// program. The filter is inherited by all that the program starts.
func guard(args []string) error {
	path, err := exec.LookPath(args[0])
	if err != nil {
		return err
	}
	runtime.LockOSThread() // the filter is this thread's, which becomes the program
	program := filter()
	header := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	const (
		setFilter    = 1
		newListener  = 1 << 3
		onlyKillable = 1 << 5 // or the runtime's own signals would make a call twice
	)
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, setFilter, newListener|onlyKillable, uintptr(unsafe.Pointer(&header)))
	if errno != 0 {
		return fmt.Errorf("watch system calls: %w", errno)
	}
	if err := unix.Sendmsg(3, []byte{0}, unix.UnixRights(int(fd)), nil, 0); err != nil {
		return err
	}
	_ = unix.Close(3)
	return syscall.Exec(path, args, os.Environ())
}

// filter tells of the calls and of what is written to standard error.
func filter() []unix.SockFilter {
	const (
		load     = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal    = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		give     = unix.BPF_RET | unix.BPF_K
		number   = 0  // offsets in struct seccomp_data
		first    = 16 // the first argument's lower half
		allow    = 0x7fff0000
		tell     = 0x7fc00000
		standard = 2
	)
	f := []unix.SockFilter{
		{Code: load, K: number},
		{Code: equal, K: unix.SYS_WRITE, Jf: 4},
		{Code: load, K: first},
		{Code: equal, K: standard, Jf: 1},
		{Code: give, K: tell},
		{Code: give, K: allow},
	}
	for call := range calls() {
		f = append(f, unix.SockFilter{Code: equal, K: uint32(call), Jf: 1}, unix.SockFilter{Code: give, K: tell})
	}
	return append(f, unix.SockFilter{Code: give, K: allow})
}
