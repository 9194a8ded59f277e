package vm

import (
	"fmt"
	"strings"
	"time"
)

// Menu is what systemd-boot shows.
type Menu struct {
	Titles   []string
	Selected int // index of the highlighted one
}

// Find is the index of the first title that holds text, -1 if none does.
func (m Menu) Find(text string) int {
	for i, title := range m.Titles {
		if strings.Contains(title, text) {
			return i
		}
	}
	return -1
}

const (
	keyUp   = "\x1b[A"
	keyDown = "\x1b[B"

	// highlight is the background of the selected line; the others are black.
	highlight = 47
)

// Menu waits for the boot menu and reads it from the screen. The menu must have
// a countdown (timeout of some seconds in loader.conf): its line is the last that
// is drawn before the loader waits for a key.
func (c *Console) Menu(limit time.Duration) (Menu, error) {
	var menu Menu
	err := c.until("the boot menu", limit, func() (bool, error) {
		menu = c.screen.menu()
		return menu.Selected >= 0 && c.screen.has("Boot in "), nil
	})
	return menu, err
}

// Choose moves to the entry with the given index and starts it. It never waits
// for a time: each key is sent when the screen shows what the one before did.
// What was printed up to then is consumed.
func (c *Console) Choose(index int, limit time.Duration) error {
	start := time.Now()
	left := func() time.Duration { return limit - time.Since(start) }
	menu, err := c.Menu(left())
	if err != nil {
		return err
	}
	if index < 0 || index >= len(menu.Titles) {
		return fmt.Errorf("%s: choose boot entry %d: the menu has %d: %q", c.name, index, len(menu.Titles), menu.Titles)
	}
	for at := menu.Selected; at != index; {
		key, next := keyDown, at+1
		if index < at {
			key, next = keyUp, at-1
		}
		if err := c.press(key, left(), func() bool { return c.screen.menu().Selected == next }); err != nil {
			return err
		}
		at = next
	}
	return c.press("\r", left(), func() bool { return c.screen.menu().Selected < 0 })
}

// press sends a key and waits for what it does to the screen.
func (c *Console) press(key string, limit time.Duration, done func() bool) error {
	c.Lock()
	c.pos = len(c.text)
	c.Unlock()
	if err := c.Send(key); err != nil {
		return err
	}
	return c.until(fmt.Sprintf("the answer to key %q", key), limit, func() (bool, error) { return done(), nil })
}

// menu reads the lines around the highlighted one; Selected is -1 when there is
// none. The rule below them is no title: its characters are not text.
func (s *screen) menu() Menu {
	menu := Menu{Selected: -1}
	for row := range s.cells {
		title, selected := s.title(row)
		switch {
		case title != "":
			if selected {
				menu.Selected = len(menu.Titles)
			}
			menu.Titles = append(menu.Titles, title)
		case menu.Selected >= 0:
			return menu
		default:
			menu.Titles = nil
		}
	}
	return Menu{Selected: -1}
}

// title is the text of a row, and whether it is the highlighted one.
func (s *screen) title(row int) (title string, selected bool) {
	for _, c := range s.cells[row] {
		selected = selected || c.char != 0 && c.background == highlight
	}
	title = strings.TrimSpace(text(s.cells[row][:]))
	if strings.Trim(title, "─\uFFFD") == "" || strings.HasPrefix(title, "Boot in ") {
		return "", false
	}
	return title, selected
}

func (s *screen) has(text string) bool {
	for _, line := range s.lines() {
		if strings.Contains(line, text) {
			return true
		}
	}
	return false
}
