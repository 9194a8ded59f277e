// Init is the whole user space of a test machine: it obeys one word a line.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"syscall"
)

func main() {
	fmt.Print("ready> ")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); fmt.Print("ready> ") {
		switch word := strings.TrimSpace(lines.Text()); word {
		case "poweroff":
			_ = syscall.Reboot(syscall.LINUX_REBOOT_CMD_POWER_OFF)
		case "die": // the end of PID 1 is a kernel panic
			os.Exit(3)
		default:
			fmt.Println("heard", word)
		}
	}
}
