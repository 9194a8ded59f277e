package vm

import (
	"cmp"
	"errors"
	"fmt"
)

// Plug adds disks while the machine runs, each with its controller, in a slot of
// its own, of which there are Config.Slots. They stay when the machine restarts.
func (m *Machine) Plug(disks ...Disk) error {
	for _, disk := range disks {
		if err := m.plug(disk); err != nil {
			return fmt.Errorf("%s: plug in %s at %s: %w", m.name, disk.Path, cmp.Or(disk.Bus, VirtioBlk), err)
		}
	}
	return nil
}

func (m *Machine) plug(disk Disk) error {
	if disk.Bus == AHCI || disk.Bus == MMC {
		return errors.New("QEMU cannot do that while the machine runs")
	}
	if m.plugged == m.config.Slots {
		return fmt.Errorf("all of %d slots are taken", m.config.Slots)
	}
	i := len(m.config.Disks) + m.plugged
	drive, err := m.config.drive(i, disk.Path)
	if err != nil {
		return err
	}
	devices, err := disk.devices(i, slot(m.plugged))
	if err != nil {
		return err
	}
	m.plugged++
	if err := m.monitor.human("drive_add 0 " + word(drive)); err != nil {
		return err
	}
	for _, device := range devices {
		if err := m.monitor.human("device_add " + word(device)); err != nil {
			return err
		}
	}
	return nil
}

func slot(i int) string { return fmt.Sprintf("slot%d", i) }
