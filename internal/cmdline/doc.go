// Package cmdline reads the kernel command line as the kernel itself does, so
// that no parameter means one thing to the kernel and another to early boot.
//
// The rules are those of next_arg and parse_args (Linux 6.1, lib/cmdline.c and
// kernel/params.c), which no specification writes down: a double quote anywhere
// keeps blanks together, a parameter may be quoted as a whole, only quotes
// around the whole value are taken off, and everything after "--" belongs to
// init. Parsing cannot fail; odd input has the meaning that the kernel gives it.
package cmdline
