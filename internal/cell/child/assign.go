package child

import "syscall"

// assign gives a made cell its work and reports how it started.
func (s *spawner) assign(o *Order, raw []byte, files []int) {
	s.mu.Lock()
	c := s.cells[o.ID]
	s.mu.Unlock()
	if c == nil { // it died while it waited
		closeAll(files)
		s.tell(&Event{Kind: EventStarted, ID: o.ID, Failure: &Failure{Layer: LayerInit, What: "the cell has ended", Errno: syscall.ESRCH}})
		return
	}
	<-c.made
	if c.err != nil {
		closeAll(files)
		s.discard(c)
		s.tell(&Event{Kind: EventStarted, ID: o.ID, Failure: failure(c.err)})
		return
	}
	// The node hears of the start before it hears of the end.
	c.reading.Lock()
	ev, out := s.start(c, o, raw, files)
	s.tell(ev, out...)
	c.reading.Unlock()
	closeAll(out)
	if ev.Failure != nil {
		s.kill(c.id)
	}
}

// start runs the stage through to the program's execution. It returns the event
// for the node and the files with it.
func (s *spawner) start(c *cell, o *Order, raw []byte, files []int) (*Event, []int) {
	ev := &Event{Kind: EventStarted, ID: c.id}
	if err := s.prepare(c, o, raw, files); err != nil {
		ev.Failure = failure(err)
		return ev, nil
	}
	buf := make([]byte, 4096)
	b, out, err := receive(c.control, buf)
	if err != nil {
		ev.Failure = &Failure{Layer: LayerInit, What: "the cell ended while it was built", Errno: errno(err)}
		return ev, nil
	}
	told, err := ParseEvent(b)
	if err != nil {
		ev.Failure = failure(err)
		return ev, out
	}
	ev.Failure, ev.Found = told.Failure, told.Found
	if ev.Failure != nil {
		return ev, out
	}
	if peak := c.group.peakFile(); peak >= 0 {
		ev.Peakable = true
		out = append([]int{peak}, out...)
	}
	return ev, out
}

// prepare sets the limits and hands the order to the stage. It closes files.
func (s *spawner) prepare(c *cell, o *Order, raw []byte, files []int) error {
	defer func() { closeAll(files) }()
	if o.Tunnel.Wanted() {
		files = append(files, s.tunnelFile(c))
	}
	files, err := s.openBinds(o, files)
	if err != nil {
		return err
	}
	if err := c.group.set(o.Limits); err != nil {
		return err
	}
	event, err := c.group.watch()
	if err != nil {
		return failed(LayerMemory, "watch for out of memory", err)
	}
	if event >= 0 {
		if err := s.oom.add(c.id, event, func() bool { _, oom := c.group.usage(); return oom }); err != nil {
			return failed(LayerMemory, "watch for out of memory", err)
		}
	}
	if err := send(c.control, raw, files...); err != nil {
		return s.stageError(c, err)
	}
	return nil
}

// stageError prefers what the stage itself says to that it no longer listens.
func (s *spawner) stageError(c *cell, err error) error {
	buf := make([]byte, 4096)
	if b, files, rerr := receive(c.control, buf); rerr == nil {
		closeAll(files)
		if ev, perr := ParseEvent(b); perr == nil && ev.Failure != nil {
			return ev.Failure
		}
	}
	return failed(LayerInit, "talk to the cell", err)
}

// openBinds opens what the cell shall see, where the spawner may; otherwise the
// stage does.
func (s *spawner) openBinds(o *Order, files []int) ([]int, error) {
	if !s.trees {
		return files, nil
	}
	for _, b := range o.Binds {
		tree, err := openTree(b.Source, 0, safeAttr)
		if err != nil {
			return files, failed(LayerSpec, "open "+b.Source, err)
		}
		files = append(files, tree)
	}
	return files, nil
}
