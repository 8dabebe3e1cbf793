package child

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// maxFiles is how many files one message may carry; the kernel's own limit.
const maxFiles = 253

// send gives one whole message and files with it to the other end.
func send(fd int, b []byte, files ...int) error {
	var rights []byte
	if len(files) > 0 {
		rights = unix.UnixRights(files...)
	}
	for {
		err := unix.Sendmsg(fd, b, rights, nil, unix.MSG_NOSIGNAL)
		if err != unix.EINTR {
			return err
		}
	}
}

// receive takes one whole message. The files it carried are closed on execute.
// The other end's closing is errno EPIPE.
func receive(fd int, buf []byte) ([]byte, []int, error) {
	oob := make([]byte, unix.CmsgSpace(4*maxFiles))
	for {
		n, oobn, flags, _, err := unix.Recvmsg(fd, buf, oob, unix.MSG_CMSG_CLOEXEC)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return nil, nil, err
		case n == 0 && oobn == 0:
			return nil, nil, unix.EPIPE
		}
		files, err := parseRights(oob[:oobn])
		if err == nil && flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0 {
			err = unix.EMSGSIZE
		}
		if err != nil {
			closeAll(files)
			return nil, nil, err
		}
		return buf[:n], files, nil
	}
}

func parseRights(oob []byte) ([]int, error) {
	if len(oob) == 0 {
		return nil, nil
	}
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	var files []int
	for i := range msgs {
		more, err := unix.ParseUnixRights(&msgs[i])
		if err != nil {
			return files, err
		}
		files = append(files, more...)
	}
	return files, nil
}

func closeAll(files []int) {
	for _, fd := range files {
		unix.Close(fd)
	}
}

// errno is the system's own error in err, or EIO.
func errno(err error) syscall.Errno {
	if e, ok := err.(syscall.Errno); ok {
		return e
	}
	return syscall.EIO
}
