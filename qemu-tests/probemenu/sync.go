package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"moss/bootloader"
	"moss/bootloader/esp"
)

func run(args []string) error {
	if len(args) != 4 {
		return errors.New("usage: probemenu DIR KERNELS NUMBER WORDS")
	}
	number, err := strconv.ParseUint(args[2], 10, 32)
	if err != nil {
		return err
	}
	boot := esp.Boot{ESP: args[0], Dir: args[0]}
	want := menu(args[1], number, strings.Fields(args[3]))
	if want.Contents, err = bootloader.Digest(want); err != nil {
		return err
	}
	steps, err := sync(boot, want)
	if err != nil {
		return err
	}
	fmt.Println("menu: done")
	// A plan that was carried out leaves nothing to do.
	found, err := bootloader.Scan(boot, token)
	if err != nil {
		return err
	}
	rest, err := bootloader.MakePlan(want, found)
	if err != nil {
		return err
	}
	if len(rest.Steps) > 0 {
		return fmt.Errorf("after %d steps there is still to do: %s", steps, rest.Steps[0].Text)
	}
	return show(args[0])
}

func sync(boot esp.Boot, want bootloader.Want) (int, error) {
	found, err := bootloader.Scan(boot, token)
	if err != nil {
		return 0, err
	}
	plan, err := bootloader.MakePlan(want, found)
	if err != nil {
		return 0, err
	}
	fmt.Printf("menu: plan of %d steps\n", len(plan.Steps))
	if _, err := fmt.Scanln(); err != nil {
		return 0, err
	}
	_, err = bootloader.Apply(plan, nil)
	return len(plan.Steps), err
}
