package main

import (
	"errors"
	"fmt"
	"time"

	"cloister/bench/lab"
	"cloister/bench/report"
)

// inhabitants is how many users, and how many functions, are in the directory.
const inhabitants = 300

// idle is how long a node does nothing before its memory is looked at.
const idle = 10 * time.Second

// up measures the start of a node and what it takes when nothing happens.
func up(b *bench) (*report.Section, error) {
	n := inhabitants
	if b.quick {
		n = 20
	}
	s := &report.Section{
		Title: "Start and idle memory",
		Method: fmt.Sprintf("`cloister up` (HTTPS, the embedded store) on a directory with %d users, each with a policy and an access key, and %d functions: from the start of the process to its `ready` line, the files in the page cache. "+
			"Then the memory of its process after %s in which nothing is asked of it.", n, n, idle),
	}
	dir := b.work + "/up"
	if err := b.populate(dir, n); err != nil {
		return nil, err
	}
	took := &report.Figure{Unit: "ms"}
	var node *lab.Process
	for range b.samples(15) {
		if node != nil {
			if err := node.Stop(); err != nil {
				return nil, err
			}
		}
		var err error
		if node, err = lab.Up(b.ctx, b.tools, dir); err != nil {
			return nil, err
		}
		took.Add(milliseconds(node.Took))
	}
	s.Rows = append(s.Rows, report.Row{What: "process start to ready", Ours: took, Target: &report.Target{AtMost: 150, Unit: "ms"}})
	return s, errors.Join(b.memory(s, node), node.Stop())
}

func (b *bench) populate(dir string, n int) error {
	node, err := lab.Up(b.ctx, b.tools, dir, "--plaintext")
	if err != nil {
		return err
	}
	root := lab.Root(node.Address)
	defer root.Close()
	err = root.LoggingRole()
	if err == nil {
		err = lab.Populate(node.Address, n)
	}
	return errors.Join(err, node.Stop())
}

func (b *bench) memory(s *report.Section, node *lab.Process) error {
	select {
	case <-time.After(idle):
	case <-b.ctx.Done():
		return b.ctx.Err()
	}
	used, err := lab.MemoryOf(node.PID())
	if err != nil {
		return err
	}
	s.Rows = append(s.Rows, report.Row{
		What: "resident memory, idle", Ours: &report.Figure{Unit: "MB", Samples: []float64{used.Resident}}, Target: &report.Target{AtMost: 60, Unit: "MB"},
	})
	if used.Proportional > 0 {
		s.Note("Proportional set size: %.1f MB.", used.Proportional)
	}
	s.Note("The idle node has %d processes beside its own.", len(lab.Descendants(node.PID(), "")))
	return nil
}
