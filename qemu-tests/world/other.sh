#!/bin/sh
# Builds an initramfs with a distribution's own program, moss's part in it installed
# as a distribution would. Runs in a mount namespace of its own: what is put into
# the system's folders is in memory and ends with it.
# other.sh KIND OUTPUT WORK MODULES-DIR KERNEL-CONFIG MOSS-INIT DIST [MODULE...]
set -eu
kind=$1 out=$2 work=$3 modules=$4 config=$5 init=$6 dist=$7
shift 7
version=$(basename "$modules")
mount --make-rprivate /
mkdir "$work/layers"
mount -t tmpfs layers "$work/layers"
for dir in /usr/lib /usr/share /boot; do
	layer="$work/layers$dir"
	mkdir -p "$layer/upper" "$layer/work"
	mount -t overlay -o "lowerdir=$dir,upperdir=$layer/upper,workdir=$layer/work" overlay "$dir"
done
mkdir -p /usr/lib/moss "/usr/lib/modules/$version"
mount --bind "$modules" "/usr/lib/modules/$version"
cp "$config" "/boot/config-$version"
cp "$init" /usr/lib/moss/moss-init
case $kind in
dracut | dracut-luks)
	extra=""
	[ "$kind" = dracut ] || extra="crypt dm systemd-ask-password"
	cp -r "$dist/dracut/90moss" /usr/lib/dracut/modules.d/
	set -- --drivers "$*"
	[ "$2" ] || set --
	dracut --force --quiet --kver "$version" --no-hostonly --no-hostonly-cmdline --no-early-microcode --compress "zstd -3" --tmpdir "$work" \
		--modules "base systemd systemd-initrd dracut-systemd rootfs-block fs-lib kernel-modules udev-rules shutdown moss $extra" "$@" "$out"
	;;
dracut-generic)
	cp -r "$dist/dracut/90moss" /usr/lib/dracut/modules.d/
	dracut --force --quiet --kver "$version" --no-hostonly --no-hostonly-cmdline --compress zstd --tmpdir "$work" "$out"
	;;
initramfs-tools*)
	mkdir -p /usr/share/initramfs-tools/scripts/local-bottom
	cp "$dist/initramfs-tools/hooks/moss" /usr/share/initramfs-tools/hooks/
	cp "$dist/initramfs-tools/scripts/local-bottom/moss" /usr/share/initramfs-tools/scripts/local-bottom/
	cp -r /etc/initramfs-tools "$work/conf"
	if [ "$kind" = initramfs-tools-luks ]; then
		echo CRYPTSETUP=y >"$work/conf-hook"
		mount --bind "$work/conf-hook" /etc/cryptsetup-initramfs/conf-hook
	fi
	if [ "$kind" != initramfs-tools-generic ]; then
		sed -i 's/^MODULES=.*/MODULES=list/' "$work/conf/initramfs.conf"
		for module; do echo "$module" >>"$work/conf/modules"; done
	fi
	TMPDIR=$work mkinitramfs -d "$work/conf" -o "$out" "$version"
	;;
*)
	echo "no such kind: $kind" >&2
	exit 2
	;;
esac
