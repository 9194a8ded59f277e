#!/bin/sh
# Installs the Debian packages that the VM tests and the demo need, if missing.
set -eu
# Machines and disks, then programs that tests of the store run: real triggers,
# a message bus, file systems, a second implementation of signatures, strace.
want="qemu-system-x86 qemu-utils ovmf mtools dosfstools e2fsprogs zstd kmod fdisk cpio python3
xfsprogs minisign groff-base dbus-daemon strace libc-bin systemd shared-mime-info libglib2.0-bin attr"
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
