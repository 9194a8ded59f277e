package luks

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// enough refuses a key slot whose derivation takes more memory than the machine
// has to give: the kernel would end the program without a word.
func enough(need int64, meminfo string) error {
	const spare = 16 << 20 // the program itself
	have, known := available(meminfo)
	if need == 0 || !known || need+spare <= have {
		return nil
	}
	return fmt.Errorf("it takes %d MiB of memory and %d MiB are free; give it less on another machine: cryptsetup luksConvertKey --pbkdf-memory",
		need>>20, have>>20)
}

// available is what programs can get without swapping, in bytes (proc(5)).
func available(meminfo string) (size int64, known bool) {
	data, err := os.ReadFile(meminfo)
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(data)) {
		words := strings.Fields(line)
		if len(words) >= 2 && words[0] == "MemAvailable:" {
			size, err := strconv.ParseInt(words[1], 10, 64)
			return size << 10, err == nil
		}
	}
	return 0, false
}
