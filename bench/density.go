package main

import (
	"fmt"

	"cloister/bench/lab"
	"cloister/bench/load"
	"cloister/bench/report"
)

// density measures the memory of many functions that ran once and now wait.
func density(b *bench) (*report.Section, error) {
	s := &report.Section{
		Title: "Idle functions",
		Method: "Functions that were called once and keep their cell. The memory is the sum of the proportional shares of the node, its spawner and everything in the cells (smaps_rollup), without the kernel's own; " +
			"the package, which is the same for all, is in memory once and not in it.",
	}
	python, ok := lab.Python(b.tools)
	if ok {
		zip, err := lab.Package(python.File, []byte(python.Source), "")
		if err != nil {
			return nil, err
		}
		create := func(root *lab.Client, name string) error { return root.FunctionOf(python.Runtime, "m.h", name, zip) }
		if err := b.idle(s, "Python", b.samples(300), 2500, create); err != nil {
			return nil, err
		}
	}
	zip, err := b.function("")
	if err != nil {
		return nil, err
	}
	create := func(root *lab.Client, name string) error { return root.Function(name, zip) }
	return s, b.idle(s, "Go", b.samples(1000), 2000, create)
}

// idle calls n functions once, and adds up.
func (b *bench) idle(s *report.Section, name string, n int, target float64, create func(root *lab.Client, name string) error) error {
	return b.withNode(func(node *lab.Process, root *lab.Client, user lab.Key) error {
		for i := range n {
			if err := create(root, coldName(i)); err != nil {
				return err
			}
		}
		before, err := memoryBelow(node.PID())
		if err != nil {
			return err
		}
		caller := &firstCalls{conn: load.Client(node.Address), address: node.Address, user: user}
		defer caller.conn.Close()
		for i := range n {
			if _, err := caller.call(i); err != nil {
				return fmt.Errorf("%s function %d: %w", name, i, err)
			}
		}
		total, err := memoryBelow(node.PID())
		if err != nil {
			return err
		}
		one := &report.Figure{Unit: "MB"}
		one.Add((total - before) / float64(n))
		all := &report.Figure{Unit: "MB"}
		all.Add(total)
		row := report.Row{What: fmt.Sprintf("%s, %d functions and the node", name, n), Ours: all}
		if !b.quick {
			row.Target = &report.Target{AtMost: target, Unit: "MB"}
		}
		s.Rows = append(s.Rows, row, report.Row{What: name + ", what each adds", Ours: one})
		return nil
	})
}

// memoryBelow adds up a process and all below it. One that has ended meanwhile
// counts for nothing.
func memoryBelow(pid int) (total float64, err error) {
	m, err := lab.MemoryOf(pid)
	if err != nil {
		return 0, err
	}
	total = m.Proportional
	for _, child := range lab.Descendants(pid, "") {
		if m, err := lab.MemoryOf(child); err == nil {
			total += m.Proportional
		}
	}
	return total, nil
}
