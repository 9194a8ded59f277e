package main

import (
	"errors"
	"fmt"
	"slices"
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
	warnings, err := sync(boot, want)
	if err != nil {
		return err
	}
	fmt.Println("menu: done")
	for _, warning := range warnings {
		fmt.Println("menu: warning:", warning)
	}
	// A plan that was carried out leaves nothing to do.
	found, err := bootloader.Scan(boot, token)
	if err != nil {
		return err
	}
	rest, err := bootloader.MakePlan(want, found)
	if err != nil {
		return err
	}
	for _, step := range rest.Steps {
		told := func(warning string) bool { return strings.HasPrefix(warning, step.Path+" shares its clusters ") }
		if !slices.ContainsFunc(warnings, told) {
			return fmt.Errorf("there is still to do: %s", step.Text)
		}
	}
	return show(args[0])
}

func sync(boot esp.Boot, want bootloader.Want) (warnings []string, err error) {
	found, err := bootloader.Scan(boot, token)
	if err != nil {
		return nil, err
	}
	plan, err := bootloader.MakePlan(want, found)
	if err != nil {
		return nil, err
	}
	fmt.Printf("menu: plan of %d steps\n", len(plan.Steps))
	if _, err := fmt.Scanln(); err != nil {
		return nil, err
	}
	return bootloader.Apply(plan, nil)
}
