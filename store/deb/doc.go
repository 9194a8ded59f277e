// Package deb reads Debian binary packages (deb(5)): an ar archive that holds a
// compressed tar of control files and one of the package's files.
//
// A package is hostile input until it is a state. Nothing here runs a
// maintainer script, every size is bounded before it is believed, and contents
// stream: memory does not grow with the package.
package deb
