package child

import (
	"syscall"
	"unsafe"
)

// loopbackUp brings up the one interface that a new network namespace has; its
// addresses, 127.0.0.1/8 and ::1, come with that.
func loopbackUp() error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	ifreq := struct {
		name  [16]byte
		flags uint16
		_     [22]byte
	}{name: [16]byte{'l', 'o'}, flags: syscall.IFF_UP}
	_, _, e := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), syscall.SIOCSIFFLAGS, uintptr(unsafe.Pointer(&ifreq)))
	return result(e)
}

// listen opens an address of the loopback for TCP.
func listen(a Address) (int, error) {
	sa, family, err := a.socket()
	if err != nil {
		return -1, err
	}
	fd, err := syscall.Socket(family, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	if err = syscall.Bind(fd, sa); err == nil {
		err = syscall.Listen(fd, 128)
	}
	if err != nil {
		syscall.Close(fd)
		return -1, err
	}
	return fd, nil
}

func (a Address) socket() (syscall.Sockaddr, int, error) {
	switch len(a.IP) {
	case 4:
		return &syscall.SockaddrInet4{Port: int(a.Port), Addr: [4]byte([]byte(a.IP))}, syscall.AF_INET, nil
	case 16:
		return &syscall.SockaddrInet6{Port: int(a.Port), Addr: [16]byte([]byte(a.IP))}, syscall.AF_INET6, nil
	}
	return nil, 0, syscall.EINVAL
}
