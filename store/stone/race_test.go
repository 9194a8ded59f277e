//go:build race

package stone

// The race detector keeps several times the program's memory for itself.
const raceDetector = true
