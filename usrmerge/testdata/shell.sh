#!/bin/sh
# The usr-merge in shell, file by file, on the root $1: each file is hashed, linked
# or copied to a temporary name, hashed again, renamed into its place, and the old
# path becomes a link to it. Then the folder is renamed away and a link takes its
# place. What /usr has differently goes to the orphans.
set -eu
root=$1
orphans=$root/var/lib/orphans
mkdir -p "$orphans"

sum() { sha256sum "$1" | cut -d ' ' -f 1; }

relink() {
	ln -s "/usr/$1" "$root/$1.tmp"
	mv -T "$root/$1.tmp" "$root/$1"
}

one() {
	old=$root/$1 new=$root/usr/$1
	mkdir -p "${new%/*}"
	if [ -L "$old" ]; then
		[ -e "$new" ] || [ -L "$new" ] || cp -a "$old" "$new"
		return
	fi
	before=$(sum "$old")
	if [ -L "$new" ] && [ "$(readlink "$new")" = "/$1" ]; then
		rm "$new" # it leads to the very file that comes here
	fi
	if [ -e "$new" ]; then
		if [ "$(sum "$new")" != "$before" ]; then
			mv "$old" "$orphans/$(echo "$1" | tr / -).$before"
		fi
		relink "$1"
		return
	fi
	ln "$old" "$new.tmp" 2>/dev/null || cp -a "$old" "$new.tmp"
	[ "$(sum "$new.tmp")" = "$before" ]
	mv -T "$new.tmp" "$new"
	relink "$1"
}

for dir in bin sbin lib64 lib32 lib; do
	[ -d "$root/$dir" ] && [ ! -L "$root/$dir" ] || continue
	(cd "$root" && find "$dir" ! -type d) >"$root/var/lib/names"
	while read -r name; do one "$name"; done <"$root/var/lib/names"
	mv "$root/$dir" "$root/$dir.old"
	ln -s "usr/$dir" "$root/$dir"
	rm -rf "$root/$dir.old"
done
