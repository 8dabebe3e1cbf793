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
			"what the packages occupy in memory is in the node's limit for code and not in it.",
	}
	python, ok := lab.Python(b.tools)
	if ok {
		l := language{Interpreter: python, name: "Python", source: python.Source}
		err := b.idle(s, "Python", b.samples(300), 2500, func(root *lab.Client, n int) error { return b.newOf(root, l, n) })
		if err != nil {
			return nil, err
		}
	}
	return s, b.idle(s, "Go", b.samples(1000), 2000, b.newFunctions)
}

// idle calls n functions once, and adds up.
func (b *bench) idle(s *report.Section, name string, n int, target float64, create func(*lab.Client, int) error) error {
	return b.withNode(func(node *lab.Process, root *lab.Client, user lab.Key) error {
		if err := create(root, n); err != nil {
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
		one.Add(total / float64(n))
		all := &report.Figure{Unit: "MB"}
		all.Add(total)
		row := report.Row{What: fmt.Sprintf("%s, %d functions and the node", name, n), Ours: all}
		if !b.quick {
			row.Target = &report.Target{AtMost: target, Unit: "MB"}
		}
		s.Rows = append(s.Rows, row, report.Row{What: name + ", each", Ours: one})
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
