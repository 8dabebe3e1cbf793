package cell

import (
	"os"

	"cloister/internal/cell/child"
)

// layers is the table of defences: the one list from which doctor, README and
// refusals come.
var layers = []Layer{
	{Name: child.LayerUser, Required: true, Gives: "the program is nobody on the host: a user id of its own, and power only over its own namespaces"},
	{Name: child.LayerMount, Required: true, Gives: "what is mounted in a cell is seen there only"},
	{Name: child.LayerPID, Required: true, Gives: "no host process and no neighbour can be seen, signalled or traced; ending the first process ends all"},
	{Name: child.LayerNet, Required: true, Gives: "no network but the cell's own loopback and what the node opens for it, and no abstract socket of the host"},
	{Name: child.LayerIPC, Required: true, Gives: "no shared memory, semaphore or message queue of others"},
	{Name: child.LayerUTS, Required: true, Gives: "the host's name is not shown and can not be changed"},
	{Name: child.LayerCgroup, Required: true, Gives: "the cell's place in the host's control groups is not shown"},
	{Name: child.LayerRoot, Required: true, Gives: "only the files that were given, none of them writable, no set-user-id, no devices but five harmless ones"},
	{Name: child.LayerTmp, Required: true, Gives: "a /tmp of limited size and number of files that no other cell sees"},
	{Name: child.LayerProc, Required: true, Gives: "/proc shows the cell's own processes, is read-only, and what tells of the host is covered"},
	{Name: child.LayerCaps, Required: true, Gives: "all five capability sets are empty and locked"},
	{Name: child.LayerNoNew, Required: true, Gives: "no program executed in the cell gains anything by it"},
	{Name: child.LayerSeccomp, Required: true, Gives: "most of the kernel can not be called at all"},
	{Name: child.LayerRlimits, Required: true, Gives: "no core files; open files, locked memory and queued signals are limited"},
	{Name: child.LayerInit, Required: true, Gives: "the dead are collected, and the cell ends with its program"},
	{Name: child.LayerMemory, Required: true, Gives: "memory, swap and /tmp together are limited; at the limit the whole cell ends"},
	{Name: child.LayerCPU, Required: true, Gives: "a busy cell does not take the others' processor time"},
	{Name: child.LayerPids, Required: true, Gives: "a fork bomb stays in its cell"},
	{Name: child.LayerLandlock, Gives: "a second lock on files, by other code than mounts; signals and abstract sockets stay in the cell"},
	{Name: child.LayerKeyring, Gives: "no key of the node's session can be searched"},
	{Name: child.LayerTime, Gives: "clocks since boot start at the cell's start: how long the host runs is not shown"},
	{Name: child.LayerTunnel, Gives: "a cell can be given a network, every connection of which ends in the node and is decided on there"},
}

// Probe reports every layer, found by building a throwaway cell and looking at
// it from inside. The first call does the work; NewHost makes it, and does not
// wait.
func (h *Host) Probe() Report {
	h.probeOnce.Do(func() { h.report = h.probe() })
	return h.report
}

func (h *Host) probe() Report {
	r := Report{Root: os.Geteuid() == 0}
	sp, err := h.spawner()
	var ev *child.Event
	if err == nil {
		ev, err = sp.probe()
	}
	for _, l := range layers {
		if err != nil {
			l.Reason = err.Error()
		} else {
			l.Reason, l.Untried = reasonFor(l.Name, ev)
		}
		l.Present = l.Reason == ""
		r.Layers = append(r.Layers, l)
	}
	return r
}

// reasonFor is why a layer is missing, "" when it is not. After a failure to
// build the cell, nothing is known of the layers not named.
func reasonFor(name string, ev *child.Event) (reason string, untried bool) {
	for _, f := range ev.Found {
		if f.Layer == name {
			return f.Reason + advice[name], false
		}
	}
	if ev.Failure != nil {
		return "not tried, since the cell could not be built: " + ev.Failure.Layer, true
	}
	return "", false
}

// advice is the next step for layers that people commonly lack.
var advice = map[string]string{
	child.LayerUser:     "; allow user namespaces: sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns; in a container run it with --privileged or on the host",
	child.LayerProc:     "; in a container the runtime covers parts of /proc: run it with --security-opt systempaths=unconfined, or on the host",
	child.LayerMemory:   "; the node needs control groups with the controllers memory, cpu and pids, as root or delegated (systemd: Delegate=yes)",
	child.LayerTunnel:   tunnelAdvice + "; until then functions have no network",
	child.LayerLandlock: "; files are still protected by the mounts",
}
