// Package adopt takes an AerynOS installation over: what its own moss recorded
// in three SQLite files and laid out below /.moss becomes states of this store,
// without a download and without a change to anything that is there. It only
// adds names: hard links to files whose content it has proved, manifests, and
// rows in the own database. AerynOS' moss works on beside it.
//
// Its store differs in one thing that matters. A content is one file whatever
// mode and owner packages give it: the mode on disk is the union of all that
// were ever asked for, without the write bits, and the owner is root. So a
// manifest records the tree as it is, while what is recorded of a package takes
// the mode that the disk has where that fits and gets a copy where it does not.
package adopt
