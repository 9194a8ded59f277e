#!/bin/sh
# Sourced by dracut before the switch to the root, whoever mounted it: for an image
# without systemd, and for a root that dracut's hooks mounted, which
# moss-activate.service comes too early for. The report says that it ran.
# getarg and die are dracut's.
if getarg moss.fstx= > /dev/null && [ ! -e /run/moss/boot.json ]; then
    /usr/lib/moss/moss-init activate --sysroot "$NEWROOT" || die "moss: no state can boot"
fi
