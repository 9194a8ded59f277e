//go:build !race

package stone

const raceDetector = false
