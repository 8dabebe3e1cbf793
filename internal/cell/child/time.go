package child

import (
	"errors"
	"strconv"
	"syscall"
)

// errNoTime says that the kernel has no time namespaces.
var errNoTime = errors.New("the kernel has no time namespaces")

// newTime gives the program clocks of its own, so that it can not tell how long
// the host runs nor recognise, by the clock, on which host it is: the clocks
// since boot start at 0. It takes effect in children only.
func newTime() error {
	mono, err := clockGettime(clockMonotonic)
	if err != nil {
		return errNoTime
	}
	boot, err := clockGettime(clockBoottime)
	if err != nil {
		return errNoTime
	}
	if syscall.Unshare(syscall.CLONE_NEWTIME) != nil {
		return errNoTime
	}
	fd, err := syscall.Open("/proc/self/timens_offsets", syscall.O_WRONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return errNoTime
	}
	defer syscall.Close(fd)
	offsets := "monotonic -" + strconv.Itoa(int(mono.Sec)) + " 0\nboottime -" + strconv.Itoa(int(boot.Sec)) + " 0\n"
	if _, err := syscall.Write(fd, []byte(offsets)); err != nil {
		return failed(LayerTime, "set the clocks", err)
	}
	return nil
}
