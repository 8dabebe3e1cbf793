package child

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// user and userText are the only user and group id inside a cell.
const (
	user     = 993
	userText = "993"
)

// users gives each cell a host user id of its own, so that no two cells ever
// are the same user to the kernel, nor any of them somebody of the host.
// Without the power to do so, all cells are the node's own user.
type users struct {
	mu          sync.Mutex
	own         bool   // every cell has its own
	first, size uint32 // range to take from
	next        uint32
}

// ownFirst and ownSize are the ids used on a plain host: a range that neither
// distributions nor subuid tools give out.
const ownFirst, ownSize = 1 << 30, 1 << 30

func newUsers() *users {
	if os.Geteuid() != 0 {
		return &users{}
	}
	u := &users{own: true, first: ownFirst, size: ownSize}
	if text, err := os.ReadFile("/proc/self/uid_map"); err == nil {
		u.fit(string(text))
	}
	// The start differs between nodes on one host.
	u.next = uint32(os.Getpid()) * 7919 % u.size
	return u
}

// fit takes the upper half of the largest extent instead, where the node itself
// runs in a user namespace that does not have the usual range.
func (u *users) fit(uidMap string) {
	var first, size uint64
	for _, line := range strings.Split(uidMap, "\n") {
		f := strings.Fields(line)
		if len(f) != 3 {
			continue
		}
		a, _ := strconv.ParseUint(f[0], 10, 32)
		n, _ := strconv.ParseUint(f[2], 10, 32)
		if a <= ownFirst && a+n >= ownFirst+ownSize {
			return
		}
		if n > size {
			first, size = a, n
		}
	}
	if size >= 2 {
		u.first, u.size = uint32(first+size/2), uint32(size/2)
	}
}

// take is the next host id.
func (u *users) take() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	id := u.first + u.next
	u.next = (u.next + 1) % u.size
	return int(id)
}

// apply sets who a new process is, outside and inside.
func (u *users) apply(attr *syscall.SysProcAttr) {
	uid, gid := os.Geteuid(), os.Getegid()
	attr.Credential = &syscall.Credential{Uid: user, Gid: user, NoSetGroups: true}
	if u.own {
		uid = u.take()
		gid = uid
		attr.Credential.NoSetGroups = false // the host's supplementary groups go
		attr.GidMappingsEnableSetgroups = true
	}
	attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: user, HostID: uid, Size: 1}}
	attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: user, HostID: gid, Size: 1}}
}
