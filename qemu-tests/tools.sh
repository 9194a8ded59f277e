#!/bin/sh
# Installs the Debian packages that the tests and the demo need, if missing.
set -eu
# Machines and disks, then programs that tests run beside the machines: real
# triggers, a message bus, file systems, second implementations of signatures and
# formats, strace. A test that lacks one fails when all must run (see
# internal/testutil/need.go).
want="qemu-system-x86 qemu-utils ovmf mtools dosfstools e2fsprogs zstd kmod fdisk cpio python3
xfsprogs minisign groff-base dbus-daemon strace libc-bin systemd systemd-sysv shared-mime-info libglib2.0-bin attr
sbsigntool efitools binutils openssl cryptsetup-bin xz-utils mount busybox-static btrfs-progs f2fs-tools
debootstrap libcap2-bin dracut-core initramfs-tools-core cryptsetup-initramfs swtpm libtss2-tcti-swtpm0 libtss2-esys-3.0.2-0 libtss2-mu0 libtss2-rc0"
missing=""
for p in $want; do
	dpkg-query -W -f '${Status}\n' "$p" 2>/dev/null | grep -q '^install ok installed' || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
echo "installing:$missing"
sudo=""
[ "$(id -u)" = 0 ] || sudo=sudo
$sudo apt-get -qq update
DEBIAN_FRONTEND=noninteractive $sudo apt-get -qq install -y --no-install-recommends $missing >/dev/null
