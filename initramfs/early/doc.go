// Package early is what moss-init does as PID 1, from the kernel's first
// instruction in user space to the execution of the system's own init: a list
// of named steps that run in order, each knowing only what those before left
// in Boot.
//
// An error here has nobody to report to but the console, and a crash of PID 1
// is a kernel panic. So every input (superblocks, partition tables, uevents,
// the trees of states) is read in bounds, nothing waits except for the root
// device and for the last message to be read, and whatever can go wrong with
// the wanted state leads to another state before it leads to an error.
package early
