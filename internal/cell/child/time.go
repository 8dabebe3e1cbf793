package child

import (
	"errors"

	"golang.org/x/sys/unix"
)

// errNoTime says that the kernel has no time namespaces.
var errNoTime = errors.New("the kernel has no time namespaces")

// newTime gives the program clocks of its own, so that it can not tell how long
// the host runs nor recognise, by the clock, on which host it is: the clocks
// since boot start at 0. It takes effect in children only.
func newTime() error {
	var mono, boot unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &mono) != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil {
		return errNoTime
	}
	if unix.Unshare(unix.CLONE_NEWTIME) != nil {
		return errNoTime
	}
	fd, err := unix.Open("/proc/self/timens_offsets", unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return errNoTime
	}
	defer unix.Close(fd)
	offsets := "monotonic -" + decimal(int(mono.Sec)) + " 0\nboottime -" + decimal(int(boot.Sec)) + " 0\n"
	if _, err := unix.Write(fd, []byte(offsets)); err != nil {
		return failed(LayerTime, "set the clocks", err)
	}
	return nil
}
