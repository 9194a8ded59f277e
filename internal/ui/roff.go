package ui

import "strings"

// roff is a page in the man macros (groff_man(7)).
type roff struct{ strings.Builder }

// macro writes a request with its arguments, each quoted.
func (r *roff) macro(name string, args ...string) {
	r.WriteString("." + name)
	for _, arg := range args {
		r.WriteString(` "` + strings.ReplaceAll(escape(arg), `"`, `\(dq`) + `"`)
	}
	r.WriteByte('\n')
}

// escape keeps text from being read as roff. A hyphen is given as the ASCII
// minus: names of flags must be found by search and survive a copy.
func escape(text string) string {
	return strings.NewReplacer(`\`, `\e`, `-`, `\-`, `'`, `\(aq`, "`", `\(ga`, `^`, `\(ha`, `~`, `\(ti`).Replace(text)
}

// text writes a line of roff; a dot in front would make a request of it.
func (r *roff) text(line string) {
	if strings.HasPrefix(line, ".") {
		line = `\&` + line
	}
	r.WriteString(line + "\n")
}

// prose writes paragraphs; lines that are set in by blanks stay as they are.
func (r *roff) prose(text string) {
	for i, paragraph := range strings.Split(text, "\n\n") {
		if i > 0 {
			r.WriteString(".PP\n")
		}
		lines := strings.Split(strings.Trim(paragraph, "\n"), "\n")
		for len(lines) > 0 {
			n := 0
			for n < len(lines) && !strings.HasPrefix(lines[n], "  ") {
				r.text(escape(lines[n]))
				n++
			}
			lines = lines[n:]
			for n = 0; n < len(lines) && strings.HasPrefix(lines[n], "  "); {
				n++
			}
			if n > 0 {
				r.verbatim(lines[:n])
			}
			lines = lines[n:]
		}
	}
}

func (r *roff) verbatim(lines []string) {
	r.WriteString(".RS 4\n.nf\n")
	for _, line := range lines {
		r.text(escape(strings.TrimPrefix(line, "  ")))
	}
	r.WriteString(".fi\n.RE\n")
}

// tagged writes a term and what it means.
func (r *roff) tagged(term, meaning string) {
	r.WriteString(".TP\n")
	r.text(`\fB` + escape(term) + `\fR`)
	r.text(escape(meaning))
}

// flagSet is what cobra gives for a verb's flags.
type flagSet interface{ FlagUsages() string }

// flags lists flags as the help does, one paragraph each.
func (r *roff) flags(title string, set flagSet) {
	usage := strings.TrimRight(set.FlagUsages(), "\n")
	if strings.TrimSpace(usage) == "" {
		return
	}
	r.macro("SH", title)
	for line := range strings.SplitSeq(usage, "\n") {
		term, meaning, _ := strings.Cut(strings.TrimSpace(line), "   ")
		r.tagged(term, strings.TrimSpace(meaning))
	}
}
