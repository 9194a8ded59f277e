// Package activate makes a state's tree the live /usr and tells beforehand
// whether the machine could boot it.
//
// The transaction on a running system and PID 1 in the initramfs use the same
// code, so it needs no database: all it believes is the trees themselves. A
// tree says who it is in its .stateID, written last, and a cut between any two
// steps leaves at most a folder whose name differs from its tree. Recover
// renames such a folder; there is no journal that could get out of step.
package activate
