package child

import "syscall"

// MaxMessage bounds a message in bytes: a sequenced-packet socket takes one
// whole, and the kernel's default send buffer is 208 KiB.
const MaxMessage = 160 << 10

// Op is what an Order asks for.
type Op uint64

// The orders. The node gives all of them to the spawner; the stage gets
// OpAssign, OpProbe or OpBoot, and after the latter OpAssign.
const (
	OpMake   Op = iota + 1 // make an empty cell
	OpAssign               // give it its work; files: stdout, stderr, and to the stage, with Tunnel, the one of tunnelFile, then the binds
	OpKill                 // end it
	OpProbe                // report the layers, under Filter; the stage runs nothing then; files: to the stage, the one of tunnelFile
	OpBoot                 // make a cell whose program waits for its work; files: stdout, stderr, to the stage then the binds
)

// Bind shows Source of the host as Target in the cell.
type Bind struct{ Source, Target string }

// Address is a TCP address of the cell's loopback: 4 or 16 bytes and a port.
type Address struct {
	IP   string
	Port uint64
}

// Tunnel is a network interface of the cell whose packets go to the node: 4 and 16
// bytes of addresses, each or both "" for none.
type Tunnel struct {
	IP4, IP6 string
	MTU      uint64
}

// Wanted says whether there is to be one.
func (t Tunnel) Wanted() bool { return t.IP4 != "" }

// Limits bounds what a cell uses.
type Limits struct{ Memory, CPUMillis, Pids, Tmp uint64 }

// hasWork says whether the fields of an Order after ID matter.
func (op Op) hasWork() bool { return op == OpAssign || op == OpProbe || op == OpBoot }

// Order is a message to the spawner or to the stage. All but Op and ID is for
// OpAssign, OpProbe and OpBoot only; to a cell whose program waits, an OpAssign's
// Args and Filter say nothing.
type Order struct {
	Op     Op
	ID     uint64
	Limits Limits
	Binds  []Bind
	Places []string // OpBoot: empty directories for the binds of the OpAssign
	Args   []string
	Env    []string
	Dir    string
	Listen []Address
	Tunnel Tunnel
	Filter string // the system call filter, as struct sock_filter
}

// Marshal is what ParseOrder reads.
func (o *Order) Marshal() []byte {
	var e encoder
	e.uint(uint64(o.Op))
	e.uint(o.ID)
	if !o.Op.hasWork() {
		return e.b
	}
	e.uint(o.Limits.Memory)
	e.uint(o.Limits.CPUMillis)
	e.uint(o.Limits.Pids)
	e.uint(o.Limits.Tmp)
	e.uint(uint64(len(o.Binds)))
	for _, b := range o.Binds {
		e.string(b.Source)
		e.string(b.Target)
	}
	e.strings(o.Places)
	e.strings(o.Args)
	e.strings(o.Env)
	e.string(o.Dir)
	e.uint(uint64(len(o.Listen)))
	for _, a := range o.Listen {
		e.string(a.IP)
		e.uint(a.Port)
	}
	e.string(o.Tunnel.IP4)
	e.string(o.Tunnel.IP6)
	e.uint(o.Tunnel.MTU)
	e.string(o.Filter)
	return e.b
}

// ParseOrder reads what Marshal wrote.
func ParseOrder(b []byte) (*Order, error) {
	d := decoder{b: b}
	o := &Order{Op: Op(d.uint()), ID: d.uint()}
	if o.Op.hasWork() {
		o.Limits = Limits{Memory: d.uint(), CPUMillis: d.uint(), Pids: d.uint(), Tmp: d.uint()}
		for n := d.uint(); n > 0 && d.err == nil; n-- {
			o.Binds = append(o.Binds, Bind{Source: d.string(), Target: d.string()})
		}
		o.Places, o.Args, o.Env, o.Dir = d.strings(), d.strings(), d.strings(), d.string()
		for n := d.uint(); n > 0 && d.err == nil; n-- {
			o.Listen = append(o.Listen, Address{IP: d.string(), Port: d.uint()})
		}
		o.Tunnel = Tunnel{IP4: d.string(), IP6: d.string(), MTU: d.uint()}
		o.Filter = d.string()
	}
	return o, d.end()
}

// Kind is what an Event tells.
type Kind uint64

// The events. The stage tells its spawner EventStarted and EventBooted; the spawner tells the
// node all of them.
const (
	EventStarted Kind = iota + 1 // the program runs, or Failure; files: see Event.Peakable, then the tunnel, if ordered, and the listeners
	EventExited                  // nothing of the cell is left
	EventReport                  // the layers
	EventBooted                  // the program waits for its work, or Failure
)

// LayerExec is the Failure's layer when the cell was made but its program could
// not be executed; LayerSpec when a file or an address of the order is wrong.
const (
	LayerExec = "exec"
	LayerSpec = "spec"
)

// Failure says which layer could not be laid, while doing what, and why.
type Failure struct {
	Layer string
	What  string
	Errno syscall.Errno
}

func (f *Failure) Error() string { return f.What + ": " + f.Errno.Error() }

// Found is the state of one layer on this machine.
type Found struct {
	Layer  string
	Reason string // "" when it is present
}

// Event is a message from the spawner or from the stage.
type Event struct {
	Kind     Kind
	ID       uint64
	Failure  *Failure // EventStarted, EventBooted
	Peakable bool     // EventStarted: the first file tells the memory used
	Ended    bool     // EventExited: Status is the program's; otherwise its cell was killed
	Status   uint32   // as from wait(2)
	OOM      bool
	Peak     uint64 // bytes
	Found    []Found
}

// Marshal is what ParseEvent reads.
func (ev *Event) Marshal() []byte {
	var e encoder
	e.uint(uint64(ev.Kind))
	e.uint(ev.ID)
	e.bool(ev.Failure != nil)
	if f := ev.Failure; f != nil {
		e.string(f.Layer)
		e.string(f.What)
		e.uint(uint64(f.Errno))
	}
	e.bool(ev.Peakable)
	e.bool(ev.Ended)
	e.uint(uint64(ev.Status))
	e.bool(ev.OOM)
	e.uint(ev.Peak)
	e.uint(uint64(len(ev.Found)))
	for _, f := range ev.Found {
		e.string(f.Layer)
		e.string(f.Reason)
	}
	return e.b
}

// ParseEvent reads what Marshal wrote.
func ParseEvent(b []byte) (*Event, error) {
	d := decoder{b: b}
	ev := &Event{Kind: Kind(d.uint()), ID: d.uint()}
	if d.bool() {
		ev.Failure = &Failure{Layer: d.string(), What: d.string(), Errno: syscall.Errno(d.uint())}
	}
	ev.Peakable, ev.Ended, ev.Status, ev.OOM, ev.Peak = d.bool(), d.bool(), uint32(d.uint()), d.bool(), d.uint()
	for n := d.uint(); n > 0 && d.err == nil; n-- {
		ev.Found = append(ev.Found, Found{Layer: d.string(), Reason: d.string()})
	}
	return ev, d.end()
}
