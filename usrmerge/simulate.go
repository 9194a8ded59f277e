package usrmerge

import (
	"encoding/hex"
	"math/rand/v2"
)

// Simulation is how many of some machines with random ids each threshold takes in.
type Simulation struct {
	Machines int
	// Merged is, for each threshold from 0 to 256, how many merge.
	Merged [Everyone + 1]int
}

// Simulate draws machine ids as systemd does (random UUIDs of version 4,
// machine-id(5)) and asks each for its number, as a machine would.
func Simulate(machines int, random *rand.Rand) (Simulation, error) {
	s := Simulation{Machines: machines}
	var numbers [Everyone]int
	for range machines {
		n, err := machineNumber(randomID(random))
		if err != nil {
			return s, err
		}
		numbers[n]++
	}
	for threshold := range Everyone {
		s.Merged[threshold+1] = s.Merged[threshold] + numbers[threshold]
	}
	return s, nil
}

func randomID(random *rand.Rand) string {
	var id [16]byte
	for i := range id {
		id[i] = byte(random.Uint32())
	}
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return hex.EncodeToString(id[:]) + "\n"
}
