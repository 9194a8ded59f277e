package usrmerge

import "path"

// Plan says what a merge of what was found would do. It reads nothing more.
func (f *Found) Plan() *Plan {
	p := &Plan{found: f, Dirs: []DirPlan{}, Moves: []Op{}, Folds: []string{}, Relinks: []Relink{}, Regenerated: []string{},
		Orphans: []Orphan{}, Differs: []Difference{}, Refusals: []Refusal{}}
	for ; f != nil; f = f.later {
		p.collect(f)
	}
	p.Merged = len(p.Refusals) == 0 && !p.work
	if !p.Merged {
		p.Seconds = estimate(p)
	}
	return p
}

func (p *Plan) collect(f *Found) {
	p.Refusals = append(p.Refusals, f.refused...)
	p.work = p.work || len(f.temps) > 0 || f.job.made.there || len(f.drops) > 0
	p.Bytes += f.needs.copied
	for _, t := range f.tops {
		p.Dirs = append(p.Dirs, t.DirPlan)
		if t.State == StateMerge || t.State == StateAlias || t.leftover {
			p.work = true
		}
		if t.State == StateRefused {
			continue
		}
		if t.State == StateAlias {
			p.relink(t.path, t.facts.text, t.text)
			p.alias(&t.tree, t.path, t.new)
			continue
		}
		p.entry(&t.tree, t.path, t.new)
	}
}

func (p *Plan) relink(name, from, text string) {
	p.Relinks = append(p.Relinks, Relink{Path: name, From: from, Text: text})
}

func (p *Plan) entry(e *entry, old, new string) {
	how := ""
	switch e.act {
	case actFold:
		p.Folds = append(p.Folds, old)
	case actFolder, actMirror:
		how = HowFolder
	case actCarry:
		how = HowCarry
	case actLink:
		how = HowLink
		if e.cross {
			how = HowCopy
		}
	case actRelink:
		p.relink(new, e.o.text, e.text)
		how = HowRelink
	case actTake, actDisplace:
		how = HowTake
		if e.act == actDisplace {
			p.Orphans = append(p.Orphans, Orphan{new, e.to, e.why})
		}
		if e.o.kind == symlink && e.text != e.o.text {
			p.relink(new, e.o.text, e.text)
		}
	case actIndex:
		p.Regenerated = append(p.Regenerated, new)
	case actOrphan, actSettled:
		p.Orphans = append(p.Orphans, Orphan{old, e.to, e.why})
	case actInto:
		if e.why != "" {
			p.Differs = append(p.Differs, Difference{old, e.why})
		}
	}
	if how != "" {
		p.Moves = append(p.Moves, Op{old, new, how})
	}
	for i := range e.kids {
		kid := &e.kids[i]
		p.entry(kid, path.Join(old, kid.name), path.Join(new, kid.name))
	}
}

func (p *Plan) alias(e *entry, old, new string) {
	switch e.act {
	case actAlias:
		if p.relink(new, "", e.text); e.n != nil && isIndex(old) {
			p.Regenerated = append(p.Regenerated, new)
		}
	case actDiffers:
		p.Differs = append(p.Differs, Difference{old, e.why})
	}
	for i := range e.kids {
		p.alias(&e.kids[i], path.Join(old, e.kids[i].name), path.Join(new, e.kids[i].name))
	}
}

// estimate is in seconds. The figures are those of a slow disk: 60 MB/s, and 10,000
// names a second.
func estimate(p *Plan) float64 {
	ops := len(p.Moves) + len(p.Folds) + len(p.Relinks) + len(p.Orphans)
	return 0.5 + float64(p.Bytes)/60e6 + float64(ops)/10e3
}
