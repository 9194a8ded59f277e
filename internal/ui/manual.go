package ui

import (
	"cmp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// Manual is what manual pages say besides what the verbs themselves know.
type Manual struct {
	Day   string      // of the pages, YYYY-MM-DD; "" leaves it out
	Files [][2]string // path and what it is, on the program's own page
	See   []string    // other pages, "name(section)"
}

// Pages makes a page of section 8 for the program and for each of its verbs, by
// file name. Words are taken as they are, nothing in them is markup.
func (m Manual) Pages(root *cobra.Command) map[string][]byte {
	pages := map[string][]byte{}
	for _, cmd := range verbs(root) {
		pages[pageName(cmd)+".8"] = m.page(cmd)
	}
	return pages
}

// verbs lists a command and all visible ones below it.
func verbs(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, child := range cmd.Commands() {
		if child.IsAvailableCommand() {
			all = append(all, verbs(child)...)
		}
	}
	return all
}

func pageName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

func (m Manual) page(cmd *cobra.Command) []byte {
	var r roff
	name := pageName(cmd)
	r.macro("TH", strings.ToUpper(name), "8", m.Day, "moss", "System Administration")
	r.macro("SH", "NAME")
	r.text(escape(name) + ` \- ` + escape(cmd.Short))
	r.macro("SH", "SYNOPSIS")
	r.synopsis(cmd)
	r.macro("SH", "DESCRIPTION")
	// The root carries what all verbs share: its own page explains it once.
	body, codes := cmd.Long, ExitCodes
	if i := strings.Index(body, ExitCodes); i >= 0 {
		body = body[:i]
	}
	r.prose(cmp.Or(strings.TrimSpace(body), cmd.Short+"."))
	r.commands(cmd)
	r.flags("OPTIONS", cmd.NonInheritedFlags())
	r.flags("OPTIONS OF EVERY VERB", cmd.InheritedFlags())
	r.macro("SH", "EXIT STATUS")
	r.codes(codes)
	if cmd.Example != "" {
		r.macro("SH", "EXAMPLES")
		r.verbatim(strings.Split(strings.Trim(cmd.Example, "\n"), "\n"))
	}
	if !cmd.HasParent() && len(m.Files) > 0 {
		r.macro("SH", "FILES")
		for _, f := range m.Files {
			r.tagged(f[0], f[1])
		}
	}
	r.see(cmd, m.See)
	return []byte(r.String())
}

func (r *roff) synopsis(cmd *cobra.Command) {
	line := cmd.UseLine()
	if cmd.HasAvailableSubCommands() {
		line = cmd.CommandPath() + " [flags] COMMAND"
	}
	words := strings.Fields(line)
	path := len(strings.Fields(cmd.CommandPath()))
	r.text(`\fB` + escape(strings.Join(words[:path], " ")) + `\fR ` + escape(strings.Join(words[path:], " ")))
}

func (r *roff) commands(cmd *cobra.Command) {
	if !cmd.HasAvailableSubCommands() {
		return
	}
	r.macro("SH", "COMMANDS")
	for _, child := range cmd.Commands() {
		if child.IsAvailableCommand() {
			r.tagged(child.Use, child.Short+". See "+pageName(child)+"(8).")
		}
	}
}

// codes sets "Exit codes: 0 done; 1 failed, nothing changed; ..." as a list.
func (r *roff) codes(text string) {
	_, list, _ := strings.Cut(strings.Join(strings.Fields(text), " "), ": ")
	depth, start := 0, 0
	var items []string
	for i, c := range list {
		switch {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ';' && depth == 0:
			items = append(items, list[start:i])
			start = i + 1
		}
	}
	for _, item := range append(items, strings.TrimSuffix(list[start:], ".")) {
		code, meaning, _ := strings.Cut(strings.TrimSpace(item), " ")
		r.tagged(code, meaning)
	}
}

func (r *roff) see(cmd *cobra.Command, others []string) {
	var all []string
	if cmd.HasParent() {
		all = append(all, pageName(cmd.Parent())+"(8)")
	} else {
		all = append(all, others...)
	}
	for _, child := range cmd.Commands() {
		if child.IsAvailableCommand() {
			all = append(all, pageName(child)+"(8)")
		}
	}
	slices.Sort(all)
	if len(all) > 0 {
		r.macro("SH", "SEE ALSO")
		r.text(escape(strings.Join(all, ", ")))
	}
}
