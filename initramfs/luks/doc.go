// Package luks opens a LUKS container: it reads and judges the header, finds the
// key slot that a passphrase or key file opens, and maps the container so that
// the kernel shows what is in it as a block device.
//
// The cryptography is github.com/anatol/luks.go. It trusts headers: it maps the
// first segment of a container that is half re-encrypted, passes over
// integrity protection, and crashes on a damaged key slot. So a header
// is read here first, in bounds, and what could end in wrong data is refused in
// words before that library sees it.
//
// A header is the work of whoever can write to the disk. Nothing in it may
// crash, exhaust the memory or reach a terminal uncleaned.
package luks
