package child

import (
	"strconv"
	"strings"
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

// receiveRoom is what a TCP socket has room for before any data came, in bytes.
// egress's error messages must be longer to be told in one step; see there.
const receiveRoom = 64 << 10

// limitReceive has the TCP sockets of this network namespace begin with
// receiveRoom; it grows with what comes. A host that does not let this be set, as
// where /proc/sys is read-only, keeps its own, usually twice as much.
func limitReceive() {
	fd, err := syscall.Open("/proc/sys/net/ipv4/tcp_rmem", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer syscall.Close(fd)
	var b [128]byte
	n, err := syscall.Read(fd, b[:])
	if err != nil {
		return
	}
	sizes := strings.Fields(string(b[:n])) // least, first, most
	if len(sizes) != 3 {
		return
	}
	sizes[1] = strconv.Itoa(receiveRoom)
	_, _ = syscall.Pwrite(fd, []byte(strings.Join(sizes, " ")), 0)
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
