package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"cloister/internal/cell"
	"cloister/internal/node"
	"cloister/internal/service/lambda/runtimes"
)

// diagnosis is all that doctor finds.
type diagnosis struct {
	Kernel   string            `json:"kernel"`
	Root     bool              `json:"root"`
	Cgroups  string            `json:"cgroups"`
	Contains bool              `json:"canContainFunctions"`
	Layers   []cell.Layer      `json:"layers"`
	Runtimes []runtimes.Status `json:"runtimes"`
	KVM      string            `json:"kvm"`
	Runsc    string            `json:"runsc"`
	Swap     string            `json:"swap"`
}

func newDoctor(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Say what this machine offers, and what is missing for what",
		Long: `Try every layer that contains functions, and look for the runtimes of this
machine. Exit code 3 when functions cannot be contained here.`,
		Example: `  cloister doctor
  cloister doctor --json | jq '.layers[] | select(.Present | not)'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d, err := diagnose(o.dir)
			if err != nil {
				return err
			}
			if o.json {
				err = printJSON(cmd.OutOrStdout(), d)
			} else {
				err = d.print(cmd.OutOrStdout())
			}
			if err == nil && !d.Contains {
				return &exitError{exitFinding}
			}
			return err
		},
	}
}

func diagnose(dir string) (*diagnosis, error) {
	host, err := cell.NewHost(cell.HostOptions{})
	if err != nil {
		return nil, err
	}
	defer func() { _ = host.Close() }()
	report := host.Probe()
	found, err := findRuntimes(dir)
	if err != nil {
		return nil, err
	}
	return &diagnosis{
		Kernel: kernel(), Root: report.Root, Cgroups: cgroups(),
		Contains: len(report.Missing()) == 0, Layers: report.Layers, Runtimes: found,
		KVM: kvm(), Runsc: runsc(), Swap: swap("/proc/swaps"),
	}, nil
}

// findRuntimes looks for runtimes without touching a data directory that does
// not exist.
func findRuntimes(dir string) ([]runtimes.Status, error) {
	support, err := os.MkdirTemp("", "cloister-doctor-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(support) }()
	registered, err := node.RegisteredRuntimes(dir)
	if err != nil {
		return nil, err
	}
	set, err := runtimes.Detect(runtimes.Options{SupportDir: support, Registered: registered})
	if err != nil {
		return nil, err
	}
	return set.Report(), nil
}

func kernel() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:]) + " " + unix.ByteSliceToString(u.Machine[:])
}

// cgroups tells the version and the controllers that this process sees.
func cgroups() string {
	var parts []string
	if text, err := os.ReadFile("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		return "v2: " + strings.TrimSpace(string(text))
	}
	for _, controller := range []string{"memory", "cpu", "pids"} {
		if info, err := os.Stat("/sys/fs/cgroup/" + controller); err == nil && info.IsDir() {
			parts = append(parts, controller)
		}
	}
	if len(parts) == 0 {
		return "none mounted"
	}
	return "v1: " + strings.Join(parts, " ")
}

func kvm() string {
	f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		return "not usable (" + err.Error() + "); nothing here needs it"
	}
	_ = f.Close()
	return "present; nothing here needs it"
}

func runsc() string {
	path, err := exec.LookPath("runsc")
	if err != nil {
		return "not installed; nothing here needs it"
	}
	return path
}

// swap tells whether this machine writes memory, and so secrets, to a disk. The
// file is a heading and a line for each area (proc(5)).
func swap(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return "unknown (" + err.Error() + ")"
	}
	var areas []string
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n")[1:] {
		if fields := strings.Fields(line); len(fields) > 0 {
			areas = append(areas, fields[0])
		}
	}
	if len(areas) == 0 {
		return "none"
	}
	return strings.Join(areas, " ") + ": secrets in memory may be written there; encrypt it, or turn it off with swapoff -a"
}

func (d *diagnosis) print(w io.Writer) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(out, "kernel\t%s\n", d.Kernel)
	fmt.Fprintf(out, "cgroups\t%s\n", d.Cgroups)
	fmt.Fprintf(out, "kvm\t%s\n", d.KVM)
	fmt.Fprintf(out, "runsc\t%s\n", d.Runsc)
	fmt.Fprintf(out, "swap\t%s\n", d.Swap)
	fmt.Fprintln(out, "\nlayers that contain a function")
	for _, l := range d.Layers {
		fmt.Fprintf(out, "  %s\t%s\t%s\n", mark(l), l.Name, layerText(l))
	}
	printRuntimeTable(out, d.Runtimes)
	if d.Contains {
		fmt.Fprintln(out, "\nfunctions can run here")
	} else {
		fmt.Fprintln(out, "\nfunctions CANNOT run here: every layer marked MISSING is required; the rest of the node works")
	}
	return out.Flush()
}

func mark(l cell.Layer) string {
	switch {
	case l.Present:
		return "ok"
	case l.Required:
		return "MISSING"
	default:
		return "absent"
	}
}

func layerText(l cell.Layer) string {
	if l.Present {
		return l.Gives
	}
	return l.Reason
}

func printRuntimes(cmd *cobra.Command, o *options) error {
	found, err := findRuntimes(o.dir)
	if err != nil {
		return err
	}
	if o.json {
		return printJSON(cmd.OutOrStdout(), found)
	}
	out := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	printRuntimeTable(out, found)
	return out.Flush()
}

func printRuntimeTable(w io.Writer, found []runtimes.Status) {
	fmt.Fprintln(w, "\nruntimes")
	for _, r := range found {
		state := "ok"
		if !r.Present {
			state = "absent"
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\n", state, r.Name, strings.Join(nonEmpty(r.Version, r.SDK, r.Missing, r.Remedy), "; "))
	}
}

func nonEmpty(parts ...string) (kept []string) {
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return kept
}
