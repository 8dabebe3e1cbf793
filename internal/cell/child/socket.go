package child

import "syscall"

// maxFiles is how many files one message may carry; the kernel's own limit.
const maxFiles = 253

// send gives one whole message and files with it to the other end.
func send(fd int, b []byte, files ...int) error {
	var rights []byte
	if len(files) > 0 {
		rights = syscall.UnixRights(files...)
	}
	for {
		err := syscall.Sendmsg(fd, b, rights, nil, syscall.MSG_NOSIGNAL)
		if err != syscall.EINTR {
			return err
		}
	}
}

// receive takes one whole message. The files it carried are closed on execute.
// The other end's closing is errno EPIPE.
func receive(fd int, buf []byte) ([]byte, []int, error) {
	oob := make([]byte, syscall.CmsgSpace(4*maxFiles))
	for {
		n, oobn, flags, _, err := syscall.Recvmsg(fd, buf, oob, syscall.MSG_CMSG_CLOEXEC)
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return nil, nil, err
		case n == 0 && oobn == 0:
			return nil, nil, syscall.EPIPE
		}
		files, err := parseRights(oob[:oobn])
		if err == nil && flags&(syscall.MSG_TRUNC|syscall.MSG_CTRUNC) != 0 {
			err = syscall.EMSGSIZE
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
	msgs, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	var files []int
	for i := range msgs {
		more, err := syscall.ParseUnixRights(&msgs[i])
		if err != nil {
			return files, err
		}
		files = append(files, more...)
	}
	return files, nil
}

func closeAll(files []int) {
	for _, fd := range files {
		syscall.Close(fd)
	}
}

// errno is the system's own error in err, or EIO.
func errno(err error) syscall.Errno {
	if e, ok := err.(syscall.Errno); ok {
		return e
	}
	return syscall.EIO
}
