package main

import (
	"context"
	"fmt"
	"os"
	"text/tabwriter"
)

func (s *story) summary(context.Context) error {
	s.chapter("What was asked for, and what booted")
	fmt.Println()
	w := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "   ENTRY\tPICKED BY\tASKED FOR\tBOOTED\tSECONDS IN THE INITRAMFS\tOF THEM LOST TO THE FALLBACK")
	for _, b := range s.boots {
		fmt.Fprintf(w, "   %s\t%s\tstate %s\tstate %s\t%.2f\t%.2f\n", b.entry, b.how, b.asked, b.booted, b.initramfs.Seconds(), b.fallback.Seconds())
	}
	return w.Flush()
}

func size(path string) float64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return float64(info.Size()) / 1e6
}
