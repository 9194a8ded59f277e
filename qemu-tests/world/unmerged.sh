#!/bin/sh
# Fills the image of a file system with an un-merged root. Runs in a mount namespace
# of its own; what it mounts ends with it.
# unmerged.sh KIND IMAGE ARCHIVE TOOLS [SHAPE...]
set -eu
kind=$1 image=$2 archive=$3 tools=$4
shift 4
tree=$image.tree
mkdir "$tree"
mount --make-rprivate /
case $kind in
ext4 | xfs | btrfs)
	device=$(losetup --find --show "$image")
	trap 'losetup --detach "$device"' EXIT
	[ "$kind" = ext4 ] && force=-F || force=-f
	"mkfs.$kind" -q "$force" "$device"
	mount -t "$kind" "$device" "$tree"
	;;
f2fs)
	mount -t tmpfs unmerged "$tree"
	mkfs.f2fs -q -f "$image"
	;;
esac
tar --extract --xattrs --xattrs-include='*' --numeric-owner --directory "$tree" --file "$archive"
cp -r "$tools/." "$tree/opt/lab"
cd "$tree"

# Every kind of entry, every conflict that is settled without a person.
odd() {
	mkdir -p lib/odd/deep/empty lib/both usr/lib/both usr/lib/odd-far
	echo plain >lib/odd/plain
	ln lib/odd/plain lib/odd/pair
	ln lib/odd/plain usr/lib/across
	ln -s plain lib/odd/near
	ln -s /lib/odd/plain lib/odd/absolute
	ln -s ../../bin/sh lib/odd/other
	ln -s nothing lib/both/dangling
	ln -s loop lib/both/loop
	ln -s ../../usr/lib/across lib/both/climbs
	ln -s ../../../lib/both/taken usr/lib/both/taken
	echo taken >lib/both/taken
	mkdir lib/mirrored
	echo mirrored >lib/mirrored/file
	ln -s ../../lib/mirrored usr/lib/mirrored
	printf '' >lib/both/empty
	echo line >"lib/both/new
line"
	echo bytes >"$(printf 'lib/both/\377 \001')"
	echo long >"lib/both/$(printf '%0255d' 0)"
	cp usr/bin/id lib/both/capable
	setcap cap_net_raw+ep lib/both/capable
	cp usr/bin/id lib/both/mine
	chown 12:34 lib/both/mine
	chmod 6751 lib/both/mine
	setfattr -n user.note -v text lib/both/empty
	mkfifo lib/both/pipe
	mknod lib/both/device c 1 3
	truncate -s 1M lib/both/holes
	for side in lib usr/lib; do
		echo same >$side/both/same
		echo $side >$side/both/differs
	done
	chmod 750 lib/both
}

# 60,000 files more.
many() {
	tar --extract --file "$(dirname "$archive")/many.tar.zst"
}

# Solus' /lib is a symlink.
alias() {
	cp -al lib/. lib64
	rm -rf lib
	ln -s lib64 lib
	mkdir usr/lib64
}

# What systemd does where another early boot does not know the merge.
unit() {
	mv opt/lab/moss usr/bin/moss
	mv opt/lab/moss-usr-merge.service lib/systemd/system/
	mkdir -p etc/systemd/system/sysinit.target.wants
	ln -s /lib/systemd/system/moss-usr-merge.service etc/systemd/system/sysinit.target.wants/
}

# What the tests compare with.
for shape; do "$shape"; done
"$tools/flakey" list "$tree" | grep -aE '^"/(bin|sbin|lib|lib32|lib64|usr)/' >"$tree.list"
mv "$tree.list" opt/lab/before.list
if [ "$kind" = f2fs ]; then
	sload.f2fs -P -f "$tree" "$image" >/dev/null
fi
cd /
umount "$tree"
rmdir "$tree"
