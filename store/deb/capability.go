package deb

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// Capability is a file capability that postinst gives to a file. Debian's data
// archives cannot carry extended attributes, so packages like iputils-ping call
// setcap(8) after unpacking; a package that becomes part of an immutable state
// must have the attribute from the start.
//
// What is understood, and nothing more:
//
//	setcap SPEC PATH            anywhere in the script, as a command of its own
//	SPEC                        name[,name…](+|=)flags, several separated by blanks
//	PATH                        /literal, or a variable that the script set before by
//	                            NAME=/literal or NAME=$(dpkg-divert --truename /literal)
//
// Conditions around the call are not evaluated: they ask whether setcap is
// installed or the file system can do it, and here it can.
type Capability struct {
	Path  string // absolute, as the script has it
	Value []byte // of security.capability
}

// capabilityNames are in the order of their numbers (linux/capability.h, 6.1).
func capabilityNames() []string {
	return strings.Fields(`cap_chown cap_dac_override cap_dac_read_search cap_fowner
		cap_fsetid cap_kill cap_setgid cap_setuid cap_setpcap cap_linux_immutable
		cap_net_bind_service cap_net_broadcast cap_net_admin cap_net_raw cap_ipc_lock
		cap_ipc_owner cap_sys_module cap_sys_rawio cap_sys_chroot cap_sys_ptrace
		cap_sys_pacct cap_sys_admin cap_sys_boot cap_sys_nice cap_sys_resource
		cap_sys_time cap_sys_tty_config cap_mknod cap_lease cap_audit_write
		cap_audit_control cap_setfcap cap_mac_override cap_mac_admin cap_syslog
		cap_wake_alarm cap_block_suspend cap_audit_read cap_perfmon cap_bpf
		cap_checkpoint_restore`)
}

const (
	capRevision2 = 0x02000000 // VFS_CAP_REVISION_2
	capEffective = 0x00000001 // VFS_CAP_FLAGS_EFFECTIVE
)

// encodeCapability turns the text form of cap_from_text(3) into the value of
// security.capability: struct vfs_cap_data of linux/capability.h, little endian.
func encodeCapability(spec string) ([]byte, error) {
	var permitted, inheritable, effective uint64
	clauses := strings.Fields(spec)
	for _, clause := range clauses {
		at := strings.IndexAny(clause, "+=")
		if at <= 0 {
			return nil, fmt.Errorf("capability clause %q is not name+flags or name=flags", clause)
		}
		set, err := capabilitySet(clause[:at])
		if err != nil {
			return nil, err
		}
		for _, flag := range clause[at+1:] {
			switch flag {
			case 'p':
				permitted |= set
			case 'i':
				inheritable |= set
			case 'e':
				effective |= set
			default:
				return nil, fmt.Errorf("capability flag %q in %q is not one of e, i, p", flag, clause)
			}
		}
	}
	// The file format has one effective bit for all (capabilities(7)).
	if len(clauses) == 0 || effective != 0 && effective != permitted|inheritable {
		return nil, fmt.Errorf("capabilities %q cannot be stored on a file", spec)
	}
	magic := uint32(capRevision2)
	if effective != 0 {
		magic |= capEffective
	}
	value := binary.LittleEndian.AppendUint32(nil, magic)
	for shift := 0; shift < 64; shift += 32 {
		value = binary.LittleEndian.AppendUint32(value, uint32(permitted>>shift))
		value = binary.LittleEndian.AppendUint32(value, uint32(inheritable>>shift))
	}
	return value, nil
}

func capabilitySet(names string) (set uint64, err error) {
	known := capabilityNames()
	for name := range strings.SplitSeq(strings.ToLower(names), ",") {
		i := slices.Index(known, name)
		if i < 0 {
			return 0, fmt.Errorf("capability %q is not known", name)
		}
		set |= 1 << i
	}
	return set, nil
}
