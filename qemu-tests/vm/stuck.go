package vm

import (
	"encoding/json"
	"strings"
	"time"
)

// stuckLimit bounds the question of where a silent machine stands: one whose
// QEMU itself hangs gives no answer at all.
const stuckLimit = 5 * time.Second

// processors says where each processor of a machine that has gone silent stands:
// a halted one waits for an interrupt that does not come, any other runs in
// circles. A machine that is reset while it has several may show it.
func (m *monitor) processors() string {
	said := make(chan string, 1)
	go func() {
		answer, err := m.send(`{"execute":"human-monitor-command","arguments":{"command-line":"info registers -a"}}` + "\n")
		var text string
		if err == nil && json.Unmarshal(answer, &text) == nil {
			said <- whereabouts(text)
		} else {
			said <- "QEMU does not say where its processors stand"
		}
	}()
	select {
	case text := <-said:
		return text
	case <-time.After(stuckLimit):
		return "QEMU does not answer"
	}
}

// whereabouts keeps the name, the instruction pointer and the halt flag of each
// processor in what "info registers -a" prints.
func whereabouts(registers string) string {
	var kept []string
	for line := range strings.Lines(registers) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "CPU#") || strings.HasPrefix(line, "RIP=") || strings.HasPrefix(line, "EIP=") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}
