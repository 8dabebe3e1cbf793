package child

import "syscall"

// boot makes a cell and boots a program in it that waits for its work. When that
// fails the cell is undone and the node told.
func (s *spawner) boot(c *cell, o *Order, raw []byte, files []int) {
	err := s.bootInside(c, o, raw, files)
	close(c.made)
	if err == nil {
		s.tell(&Event{Kind: EventBooted, ID: c.id})
		return
	}
	s.tell(&Event{Kind: EventBooted, ID: c.id, Failure: failure(err)})
	if c.err != nil {
		s.discard(c)
		return
	}
	s.kill(c.id)
}

// bootInside closes files.
func (s *spawner) bootInside(c *cell, o *Order, raw []byte, files []int) error {
	defer func() { closeAll(files) }()
	if !s.trees { // what comes with the work could not be shown
		c.err = &Failure{Layer: LayerMount, What: "show files in a cell that was made before", Errno: syscall.EPERM}
		return c.err
	}
	if s.makeEmpty(c); c.err != nil {
		return c.err
	}
	var err error
	if files, err = s.openBinds(o, files); err != nil {
		return err
	}
	if err := c.group.set(o.Limits); err != nil {
		return err
	}
	c.reading.Lock()
	defer c.reading.Unlock()
	if err := send(c.control, raw, files...); err != nil {
		return s.stageError(c, err)
	}
	b, out, err := receive(c.control, make([]byte, 4096))
	closeAll(out)
	if err != nil {
		return failed(LayerInit, "boot the program", err)
	}
	told, err := ParseEvent(b)
	if err != nil {
		return err
	}
	if told.Failure != nil {
		return told.Failure
	}
	return nil
}
