package node

import (
	"errors"
	"net"
	"sync"

	"golang.org/x/sys/unix"
)

// Connections hold files, and a node that has run out of files can keep
// nothing: it would have to stop answering for good. So strangers get a quarter
// of them, functions another, and the rest is the node's own.
const (
	mostConnections = 4096 // from outside, however many files there are
	mostFromCell    = 64   // from one cell
)

// fileShare is a quarter of the files that this process may have open.
func fileShare() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return mostConnections / 4
	}
	return int(min(limit.Cur/4, 1<<20))
}

// room is a number of connections that may be open at once. It is shared by the
// listeners that it is given to.
type room chan struct{}

func newRoom(connections int) room { return make(room, max(connections, 1)) }

// limitedListener accepts a connection only when every room has a place.
type limitedListener struct {
	net.Listener
	rooms  []room
	closed chan struct{}
	once   sync.Once
}

func limit(l net.Listener, rooms ...room) net.Listener {
	return &limitedListener{Listener: l, rooms: rooms, closed: make(chan struct{})}
}

// Accept waits for a place, then for a connection.
func (l *limitedListener) Accept() (net.Conn, error) {
	for i, r := range l.rooms {
		select {
		case r <- struct{}{}:
		case <-l.closed:
			leave(l.rooms[:i])
			return nil, net.ErrClosed
		}
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		leave(l.rooms)
		return nil, err
	}
	return &limitedConn{Conn: conn, rooms: l.rooms}, nil
}

// Close implements net.Listener; an Accept that waits for a place ends. A
// listener that is closed already, as those of a cell are when it ends, is fine.
func (l *limitedListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	if err := l.Listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

type limitedConn struct {
	net.Conn
	rooms []room
	once  sync.Once
}

// Close implements net.Conn and gives the places back.
func (c *limitedConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { leave(c.rooms) })
	return err
}

func leave(rooms []room) {
	for _, r := range rooms {
		<-r
	}
}
