package child

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// loopbackUp brings up the one interface that a new network namespace has; its
// addresses, 127.0.0.1/8 and ::1, come with that.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	ifr.SetUint16(unix.IFF_UP)
	_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCSIFFLAGS, uintptr(unsafe.Pointer(ifr)))
	if e != 0 {
		return e
	}
	return nil
}

// listen opens an address of the loopback for TCP.
func listen(a Address) (int, error) {
	sa, family, err := a.socket()
	if err != nil {
		return -1, err
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	if err = unix.Bind(fd, sa); err == nil {
		err = unix.Listen(fd, 128)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func (a Address) socket() (unix.Sockaddr, int, error) {
	switch len(a.IP) {
	case 4:
		return &unix.SockaddrInet4{Port: int(a.Port), Addr: [4]byte([]byte(a.IP))}, unix.AF_INET, nil
	case 16:
		return &unix.SockaddrInet6{Port: int(a.Port), Addr: [16]byte([]byte(a.IP))}, unix.AF_INET6, nil
	}
	return nil, 0, unix.EINVAL
}
