#!/bin/bash
# dracut module: moss-init activates the /usr that the boot entry names, between
# the mounting of the root and the switch to it. Install this folder below
# /usr/lib/dracut/modules.d and moss-init at /usr/lib/moss/moss-init.

# Called by dracut: part of an image only where moss is installed.
check() {
    [[ -x ${dracutsysrootdir-}/usr/lib/moss/moss-init ]] || return 1
    return 0
}

depends() {
    echo base
    return 0
}

# efivarfs says which loader started the kernel and takes the one-shot entry; vfat
# is for the entry of another state's kernel. Kernels may lack or have built in
# any of them.
installkernel() {
    hostonly='' instmods efivarfs vfat nls_cp437 nls_ascii nls_iso8859-1 nls_utf8
    return 0
}

install() {
    inst_simple /usr/lib/moss/moss-init
    if dracut_module_included systemd-initrd; then
        local units="${systemdsystemunitdir:-/usr/lib/systemd/system}"
        inst_simple "$moddir/moss-activate.service" "$units/moss-activate.service"
        mkdir -p "$initdir$units/initrd-root-fs.target.requires"
        ln -sf ../moss-activate.service "$initdir$units/initrd-root-fs.target.requires/moss-activate.service"
    fi
    inst_hook pre-pivot 10 "$moddir/moss-activate.sh"
}
