package child

import (
	"runtime"
	"strconv"
	"syscall"
	"unsafe"
)

// tunnelDevice makes network interfaces whose packets a process reads and writes.
const tunnelDevice = "/dev/net/tun"

// tunnelName is the interface's name in the cell.
const tunnelName = "eth0"

// tunnelFile is the device opened in a cell's network namespace, to which it then
// belongs, or a file that says that the stage has to open it. As root the spawner
// does it, because some hosts let nobody else.
func (s *spawner) tunnelFile(c *cell) int {
	if s.users.own {
		if fd, err := s.openInside(c); err == nil {
			return fd
		}
	}
	fd, err := syscall.Open("/dev/null", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		return -1 // sending it fails
	}
	return fd
}

// openInside opens the device from a thread that it moves into the cell's
// network namespace and back.
func (s *spawner) openInside(c *cell) (int, error) {
	s.mu.Lock()
	pid := c.pid
	s.mu.Unlock()
	if pid == 0 {
		return -1, syscall.ESRCH
	}
	runtime.LockOSThread()
	home, err := syscall.Open("/proc/thread-self/ns/net", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		runtime.UnlockOSThread()
		return -1, err
	}
	defer syscall.Close(home)
	fd, err := openIn(pid)
	// A thread that cannot go back stays locked, and ends with this goroutine.
	if setns(home) == nil {
		runtime.UnlockOSThread()
	}
	return fd, err
}

func openIn(pid int) (int, error) {
	ns, err := syscall.Open("/proc/"+strconv.Itoa(pid)+"/ns/net", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer syscall.Close(ns)
	if err := setns(ns); err != nil {
		return -1, err
	}
	return syscall.Open(tunnelDevice, tunnelFlags, 0)
}

const tunnelFlags = syscall.O_RDWR | syscall.O_NONBLOCK | syscall.O_CLOEXEC

func setns(fd int) error {
	_, _, e := syscall.RawSyscall(sysSetns, uintptr(fd), syscall.CLONE_NEWNET, 0)
	return result(e)
}

// openTunnel is the device: the file that the spawner sent, or one opened here.
func openTunnel(fd int) (int, error) {
	var sent syscall.Stat_t
	if err := syscall.Fstat(fd, &sent); err != nil {
		return -1, err
	}
	if sent.Rdev != nullDevice {
		return fd, nil
	}
	syscall.Close(fd)
	fd, err := syscall.Open(tunnelDevice, tunnelFlags, 0)
	if err != nil {
		return -1, &Failure{Layer: LayerTunnel, What: "open " + tunnelDevice, Errno: errno(err)}
	}
	return fd, nil
}

// nullDevice is the number of /dev/null.
const nullDevice = 1<<8 | 3

// configure makes the interface and sends everything there that is not the
// loopback's.
func (t Tunnel) configure(device int) error {
	r := interfaceRequest{name: name(tunnelName)}
	r.setShort(syscall.IFF_TUN | syscall.IFF_NO_PI)
	if err := ioctl(device, syscall.TUNSETIFF, unsafe.Pointer(&r)); err != nil {
		return err
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	r = interfaceRequest{name: name(tunnelName)}
	*(*int32)(unsafe.Pointer(&r.data[0])) = int32(t.MTU)
	if err := ioctl(fd, syscall.SIOCSIFMTU, unsafe.Pointer(&r)); err != nil {
		return err
	}
	if err := t.configure4(fd); err != nil {
		return err
	}
	if t.IP6 == "" {
		return nil
	}
	return t.configure6()
}

func (t Tunnel) configure4(fd int) error {
	if len(t.IP4) != 4 {
		return syscall.EINVAL
	}
	r := interfaceRequest{name: name(tunnelName)}
	r.setAddress([4]byte([]byte(t.IP4)))
	if err := ioctl(fd, syscall.SIOCSIFADDR, unsafe.Pointer(&r)); err != nil {
		return err
	}
	r.setAddress([4]byte{255, 255, 255, 255})
	if err := ioctl(fd, syscall.SIOCSIFNETMASK, unsafe.Pointer(&r)); err != nil {
		return err
	}
	r = interfaceRequest{name: name(tunnelName)}
	r.setShort(syscall.IFF_UP)
	if err := ioctl(fd, syscall.SIOCSIFFLAGS, unsafe.Pointer(&r)); err != nil {
		return err
	}
	device := cstring(tunnelName)
	route := route4{flags: syscall.RTF_UP, device: device}
	route.destination.Family, route.mask.Family = syscall.AF_INET, syscall.AF_INET
	err := ioctl(fd, syscall.SIOCADDRT, unsafe.Pointer(&route))
	runtime.KeepAlive(device)
	return err
}

func (t Tunnel) configure6() error {
	if len(t.IP6) != 16 {
		return syscall.EINVAL
	}
	fd, err := syscall.Socket(syscall.AF_INET6, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	r := interfaceRequest{name: name(tunnelName)}
	if err := ioctl(fd, siocgifindex, unsafe.Pointer(&r)); err != nil {
		return err
	}
	index := *(*int32)(unsafe.Pointer(&r.data[0]))
	address := address6{address: [16]byte([]byte(t.IP6)), length: 128, index: index}
	if err := ioctl(fd, syscall.SIOCSIFADDR, unsafe.Pointer(&address)); err != nil {
		return err
	}
	route := route6{metric: 1, flags: syscall.RTF_UP, index: index}
	return ioctl(fd, syscall.SIOCADDRT, unsafe.Pointer(&route))
}

const siocgifindex = 0x8933

// interfaceRequest is the kernel's struct ifreq.
type interfaceRequest struct {
	name [16]byte
	data [24]byte
}

func name(s string) (n [16]byte) {
	copy(n[:], s)
	return n
}

func (r *interfaceRequest) setShort(v uint16) { *(*uint16)(unsafe.Pointer(&r.data[0])) = v }

func (r *interfaceRequest) setAddress(a [4]byte) {
	*(*syscall.RawSockaddrInet4)(unsafe.Pointer(&r.data[0])) = syscall.RawSockaddrInet4{Family: syscall.AF_INET, Addr: a}
}

// address6 is the kernel's struct in6_ifreq.
type address6 struct {
	address [16]byte
	length  uint32
	index   int32
}

// route4 is the kernel's struct rtentry.
type route4 struct {
	_                          uint64
	destination, gateway, mask syscall.RawSockaddrInet4
	flags                      uint16
	_                          int16
	_, _                       uint64
	_                          [4]int16
	device                     *byte
	_, _                       uint64
	_                          uint16
}

// route6 is the kernel's struct in6_rtmsg.
type route6 struct {
	destination, source, gateway    [16]byte
	kind                            uint32
	destinationLength, sourceLength uint16
	metric                          uint32
	_                               uint64
	flags                           uint32
	index                           int32
}

func ioctl(fd int, request uintptr, p unsafe.Pointer) error {
	_, _, e := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), request, uintptr(p))
	return result(e)
}
