package main

import (
	"errors"
	"flag"
	"io"
	"strings"

	"moss/initramfs/luks"
)

// request is what the command line asks for.
type request struct {
	device, name, keyfile string
	tries                 int
	tpm2                  bool
	flags                 []string // activation flags, as cryptsetup calls persistent ones
}

const usage = "moss-unlock --device NODE --name NAME [--keyfile PATH] [--tries 3] [--tpm2] [--flags FLAG,...]"

// parse reads the arguments. An error is for a person who made them.
func parse(args []string) (request, error) {
	var r request
	var flags string
	set := flag.NewFlagSet("moss-unlock", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.StringVar(&r.device, "device", "", "")
	set.StringVar(&r.name, "name", "", "")
	set.StringVar(&r.keyfile, "keyfile", "", "")
	set.StringVar(&flags, "flags", "", "")
	set.IntVar(&r.tries, "tries", 3, "")
	set.BoolVar(&r.tpm2, "tpm2", false, "")
	if err := set.Parse(args); err != nil {
		return r, err
	}
	switch {
	case set.NArg() > 0:
		return r, errors.New("unexpected word " + set.Arg(0))
	case r.device == "" || r.name == "":
		return r, errors.New("--device and --name are needed")
	case r.tries < 0:
		return r, errors.New("--tries is a number from 1, or 0 for as many as it takes")
	}
	if flags != "" {
		r.flags = strings.Split(flags, ",")
	}
	return r, luks.CheckName(r.name)
}
