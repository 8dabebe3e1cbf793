package child

// The layers, by the names that reports and errors use. What each gives and
// which are required is a table in package cell.
const (
	LayerUser     = "user namespace"
	LayerMount    = "mount namespace"
	LayerPID      = "pid namespace"
	LayerNet      = "network namespace"
	LayerIPC      = "ipc namespace"
	LayerUTS      = "uts namespace"
	LayerCgroup   = "cgroup namespace"
	LayerTime     = "time namespace"
	LayerRoot     = "read-only root"
	LayerTmp      = "private /tmp"
	LayerProc     = "private /proc"
	LayerCaps     = "no capabilities"
	LayerNoNew    = "no new privileges"
	LayerSeccomp  = "system call filter"
	LayerLandlock = "landlock"
	LayerKeyring  = "private keyring"
	LayerRlimits  = "resource limits"
	LayerMemory   = "memory limit"
	LayerCPU      = "cpu share"
	LayerPids     = "process limit"
	LayerInit     = "first process"
	LayerTunnel   = "tunnel" // only of cells that have a way out
)
