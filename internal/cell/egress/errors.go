package egress

import (
	"errors"
	"net"
	"syscall"
)

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

func refused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
