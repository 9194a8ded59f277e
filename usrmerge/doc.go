// Package usrmerge moves what lies in the top folders /bin, /sbin, /lib, /lib32
// and /lib64 into /usr and leaves a symlink in the place of each, so that no
// path that worked ever stops working and no power cut can hurt.
//
// Scan reads both sides, Plan says what would be done, Apply does it in phases,
// and Check tells whether a system is merged and whole. What a system is, its
// folders say and no marker. Everything that Apply does can be done again: after
// a cut at any moment the next run goes on and ends in the tree of a run that
// nothing disturbed.
//
// No path of the root is followed out of it, so the root may be mounted anywhere.
package usrmerge
