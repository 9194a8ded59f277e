package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"moss/qemu-tests/vm"
)

// Time limits for a machine under software emulation that shares two
// processors; a real one needs a tenth.
const (
	menuLimit    = 4 * time.Minute
	loginLimit   = 8 * time.Minute
	commandLimit = time.Minute
)

func (s *story) machine(ctx context.Context) error {
	s.chapter("A machine: OVMF firmware, the disk, no -kernel")
	firmware, err := vm.FindFirmware()
	if err != nil {
		return err
	}
	s.running, err = vm.Start(ctx, vm.Config{Name: "demo", LogDir: s.dir, Memory: 1536,
		Disks: []vm.Disk{{Path: s.disk.Path}}, Firmware: firmware, Vars: filepath.Join(s.dir, "vars.fd")})
	if err != nil {
		return err
	}
	s.say("console log: build/demo/demo.log")
	return nil
}

// report is /run/moss/boot.json as far as the demo tells of it.
type report struct {
	Wanted     int    `json:"wanted"`
	Activated  int    `json:"activated"`
	Fallback   bool   `json:"fallback"`
	Reason     string `json:"reason"`
	Start      int64  `json:"start_ms"`
	End        int64  `json:"end_ms"`
	FallbackMS int64  `json:"fallback_ms"`
}

func (s *story) bootNewest(ctx context.Context) error {
	s.chapter("First boot: the loader starts entry 3, which cannot work")
	if err := s.running.Expect("moss-init: state 2 activated", loginLimit); err != nil {
		return err
	}
	if err := s.running.Login("root", "", loginLimit); err != nil {
		return err
	}
	s.say("login prompt after %.0f s", s.running.Elapsed().Seconds())
	r, err := s.bootReport("default")
	if err != nil {
		return err
	}
	s.say("early boot said: %s", r.Reason)
	return errors.Join(
		s.want("state 3 was asked for, state 2 was booted, in the same boot", r.Wanted == 3 && r.Activated == 2 && r.Fallback),
		s.same("/usr/.stateID is 2", "cat /usr/.stateID", "2"),
		s.same("systemd reached multi-user", "systemctl is-active multi-user.target", "active"),
		s.fails("nano is absent", "command -v nano"),
		s.works("bash-completion's files are there", "test -s /usr/share/bash-completion/bash_completion"),
		s.blessed(),
	)
}

// blessed waits for the unit that ends a good boot: then the state that failed is
// no longer what the next boot tries.
func (s *story) blessed() error {
	if _, status, err := s.running.Run("systemctl start moss-bless.service", loginLimit); err != nil || status != 0 {
		return errors.Join(err, fmt.Errorf("moss-bless.service: exit code %d", status))
	}
	menu, err := s.menu()
	if err != nil {
		return err
	}
	last := menu.Entries[len(menu.Entries)-1]
	return errors.Join(
		s.want("the boot is blessed: the entry of state 2 counts no more", !menu.Entries[0].counts()),
		s.want("state 3 is marked bad, state 2 is what the next boot starts", last.State == 3 && last.Bad && menu.Default == 2),
	)
}

type menuEntry struct {
	State int
	Bad   bool
	Tries *int `json:"tries_left"`
}

func (e menuEntry) counts() bool { return e.Tries != nil }

type menuList struct {
	Default, Booted int
	Entries         []menuEntry
}

func (s *story) menu() (menuList, error) {
	var menu menuList
	err := s.decode("moss-boot list --json", &menu)
	if err == nil && len(menu.Entries) != 3 {
		err = fmt.Errorf("moss-boot list: %d entries, want 3", len(menu.Entries))
	}
	return menu, err
}

func (s *story) bootOlder(ctx context.Context) error {
	s.chapter("Second boot: state 1, picked in the menu over the serial console")
	if err := s.running.Line("systemctl reboot"); err != nil {
		return err
	}
	if err := s.running.WaitReboot(loginLimit); err != nil {
		return err
	}
	menu, err := s.running.Menu(menuLimit)
	if err != nil {
		return err
	}
	s.quote(strings.Join(menu.Titles, "\n"))
	if err := s.running.Choose(menu.Find("state 1,"), menuLimit); err != nil {
		return err
	}
	if err := s.running.Login("root", "", loginLimit); err != nil {
		return err
	}
	r, err := s.bootReport("menu")
	if err != nil {
		return err
	}
	err = errors.Join(
		s.want("state 1 was asked for and booted", r.Wanted == 1 && r.Activated == 1 && !r.Fallback),
		s.same("/usr/.stateID is 1", "cat /usr/.stateID", "1"),
		s.works("nano works", "nano --version"),
	)
	if err != nil {
		return err
	}
	return s.tellTruth(ctx)
}

// tellTruth compares what the programs say on the running system with what is so.
func (s *story) tellTruth(context.Context) error {
	for _, command := range []string{"moss state list", "moss-boot list"} {
		out, status, err := s.running.Run(command, commandLimit)
		if err != nil || status != 0 {
			return errors.Join(err, fmt.Errorf("%s: exit code %d: %s", command, status, out))
		}
		s.say("# %s", command)
		s.quote(out)
	}
	var states []struct {
		ID                                int
		Active, Booted, Default, Bootable bool
		Failed                            string
	}
	if err := s.decode("moss state list --json", &states); err != nil {
		return err
	}
	menu, err := s.menu()
	if err != nil {
		return err
	}
	ok := len(states) == 3 && states[0].Active && states[0].Booted && !states[1].Active && states[1].Bootable && !states[2].Bootable && states[2].Failed != ""
	if err := s.want("moss state list: 1 is active and booted, 2 could boot, 3 cannot and failed before", ok); err != nil {
		return err
	}
	if err := s.want("moss-boot list: three entries, newest first but for the bad one, 1 is booted", menu.Booted == 1 && menu.Entries[0].State == 2 && menu.Entries[2].State == 3); err != nil {
		return err
	}
	if err := s.running.Line("systemctl poweroff"); err != nil {
		return err
	}
	return s.running.WaitPowerOff(loginLimit)
}

func (s *story) bootReport(how string) (report, error) {
	var r report
	if err := s.decode("cat /run/moss/boot.json", &r); err != nil {
		return r, err
	}
	entry, _, err := s.running.Run("cat /proc/cmdline", commandLimit)
	if err != nil {
		return r, err
	}
	_, fstx, _ := strings.Cut(entry, "moss.fstx=")
	fstx, _, _ = strings.Cut(fstx, " ")
	s.boots = append(s.boots, boot{asked: strconv.Itoa(r.Wanted), booted: strconv.Itoa(r.Activated), entry: "moss.fstx=" + strings.TrimSpace(fstx), how: how,
		initramfs: time.Duration(r.End-r.Start) * time.Millisecond, fallback: time.Duration(r.FallbackMS) * time.Millisecond})
	return r, nil
}

func (s *story) decode(command string, to any) error {
	out, status, err := s.running.Run(command, commandLimit)
	if err == nil && status != 0 {
		err = fmt.Errorf("exit code %d: %s", status, out)
	}
	if err == nil {
		err = json.Unmarshal([]byte(out), to)
	}
	if err != nil {
		return fmt.Errorf("run %s in the guest: %w", command, err)
	}
	return nil
}

func (s *story) same(what, command, want string) error {
	out, _, err := s.running.Run(command, commandLimit)
	return errors.Join(err, s.want(what, strings.TrimSpace(out) == want))
}

func (s *story) works(what, command string) error {
	_, status, err := s.running.Run(command, commandLimit)
	return errors.Join(err, s.want(what, status == 0))
}

func (s *story) fails(what, command string) error {
	_, status, err := s.running.Run(command, commandLimit)
	return errors.Join(err, s.want(what, status != 0))
}
