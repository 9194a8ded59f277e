// Package fault names the moments at which a machine may die. Every step that
// changes a disk passes a point; crash tests stop there in every possible way.
//
// In normal builds a point does nothing. With the build tag faultinject the
// variable MOSS_FAULT chooses a point and what happens there; the kernel hands
// a NAME=value of its command line to PID 1 as environment, so the same
// variable works in early boot.
package fault
