package report

import (
	"fmt"
	"strings"
)

// busyShare is the share of the processors from which others' work is warned of.
const busyShare = 0.1

// Document is a whole run.
type Document struct {
	Machine  Machine
	Sections []*Section
}

// Markdown writes the document.
func (d *Document) Markdown() string {
	var b strings.Builder
	b.WriteString("# How fast it is\n\nWritten by `make bench`; do not edit. What stands side by side was measured in turns, in one run on one machine:\n" +
		"compare the ratios, not the figures with those of other machines. A figure is the median of its rounds, with\nthe least and the greatest in brackets. A target that was missed says so.\n\n")
	d.warn(&b)
	d.summary(&b)
	d.Machine.table(&b)
	for _, s := range d.Sections {
		s.markdown(&b)
	}
	return b.String()
}

func (d *Document) warn(b *strings.Builder) {
	var busy []string
	for _, s := range d.Sections {
		if s.Busy > busyShare {
			busy = append(busy, fmt.Sprintf("%.0f%% before “%s”", s.Busy*100, s.Title))
		}
	}
	if d.Machine.crowded() {
		fmt.Fprintf(b, "> **Warning: the machine was not idle.** The load average was %s when the run began, on %d processors. Figures and ratios are worse and less sure than they should be.\n\n", d.Machine.Load, d.Machine.CPUs)
	}
	if len(busy) > 0 {
		fmt.Fprintf(b, "> **Warning: others used the processors**: %s.\n\n", strings.Join(busy, ", "))
	}
}

func (d *Document) summary(b *strings.Builder) {
	b.WriteString("## Targets\n\n| | measured | target | |\n|---|---|---|---|\n")
	for _, s := range d.Sections {
		for _, r := range s.Rows {
			if r.Target == nil {
				continue
			}
			measured := r.Ours.String()
			if r.Target.OfRatio {
				measured = r.ratioText() + " " + r.Beside
			}
			fmt.Fprintf(b, "| %s: %s | %s | %s | %s |\n", s.Title, r.What, measured, r.Target, r.Verdict())
		}
	}
	b.WriteString("\n")
}

func (s *Section) markdown(b *strings.Builder) {
	fmt.Fprintf(b, "## %s\n\n| | Cloister | beside it | Cloister ÷ beside | target | |\n|---|---|---|---|---|---|\n", s.Title)
	for _, r := range s.Rows {
		beside := ""
		if r.Peer != nil {
			beside = r.Beside + ": " + r.Peer.String()
		}
		target := ""
		if r.Target != nil {
			target = r.Target.String()
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s |\n", r.What, r.Ours, beside, r.ratioText(), target, r.Verdict())
	}
	fmt.Fprintf(b, "\n%s\n\n", s.Method)
	for _, n := range s.Notes {
		fmt.Fprintf(b, "- %s\n", n)
	}
	if len(s.Notes) > 0 {
		b.WriteString("\n")
	}
}
