package ec2

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"cloister/internal/netpolicy"
)

// Flow is what became of one flow of an interface.
type Flow struct {
	Account, Region string
	Interface       string
	Subnet, VPC     string
	Protocol        uint8
	Local, Remote   netip.AddrPort
	Verdict         netpolicy.Verdict
	Began, Ended    time.Time
	Sent, Received  int64 // bytes of payload
	Writes, Reads   int64
}

// defaultFormat is AWS's version 2, with the reason behind it.
const defaultFormat = "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status} ${cloister-reason}"

// line is one direction of a flow.
type line struct {
	*Flow
	back bool // of the answers
}

// formatFields are what a format may ask for.
var formatFields = map[string]func(line) string{
	"version":         func(line) string { return "2" },
	"account-id":      func(l line) string { return l.Account },
	"interface-id":    func(l line) string { return l.Interface },
	"srcaddr":         func(l line) string { return l.from().Addr().String() },
	"dstaddr":         func(l line) string { return l.to().Addr().String() },
	"pkt-srcaddr":     func(l line) string { return l.from().Addr().String() },
	"pkt-dstaddr":     func(l line) string { return l.to().Addr().String() },
	"srcport":         func(l line) string { return strconv.Itoa(int(l.from().Port())) },
	"dstport":         func(l line) string { return strconv.Itoa(int(l.to().Port())) },
	"protocol":        func(l line) string { return strconv.Itoa(int(l.Protocol)) },
	"packets":         func(l line) string { return strconv.FormatInt(l.packets(), 10) },
	"bytes":           func(l line) string { return strconv.FormatInt(l.bytes(), 10) },
	"start":           func(l line) string { return strconv.FormatInt(l.Began.Unix(), 10) },
	"end":             func(l line) string { return strconv.FormatInt(l.Ended.Unix(), 10) },
	"action":          line.action,
	"log-status":      func(line) string { return "OK" },
	"vpc-id":          func(l line) string { return l.VPC },
	"subnet-id":       func(l line) string { return l.Subnet },
	"instance-id":     func(line) string { return "-" },
	"region":          func(l line) string { return l.Region },
	"type":            func(line) string { return "IPv4" },
	"flow-direction":  line.direction,
	"cloister-reason": func(l line) string { return l.Verdict.Reason.String() },
	"cloister-rule":   line.rule,
}

func (l line) from() netip.AddrPort {
	if l.back {
		return l.Remote
	}
	return l.Local
}

func (l line) to() netip.AddrPort { return line{l.Flow, !l.back}.from() }

func (l line) bytes() int64 {
	if l.back {
		return l.Received
	}
	return l.Sent
}

// packets are at least those that were seen; what was denied was one.
func (l line) packets() int64 {
	if l.back {
		return max(l.Reads, 1)
	}
	return max(l.Writes, 1)
}

func (l line) action() string {
	if l.Verdict.Allowed {
		return "ACCEPT"
	}
	return "REJECT"
}

func (l line) direction() string {
	if l.back {
		return "ingress"
	}
	return "egress"
}

func (l line) rule() string {
	if l.Verdict.Rule == "" {
		return "-"
	}
	return l.Verdict.Rule
}

var formatField = regexp.MustCompile(`^\$\{([a-z0-9-]+)\}$`)

// parseFormat reads a format: fields with spaces between them.
func parseFormat(format string) ([]func(line) string, error) {
	var all []func(line) string
	for word := range strings.FieldsSeq(format) {
		m := formatField.FindStringSubmatch(word)
		if m == nil || formatFields[m[1]] == nil {
			return nil, badValue("Invalid log format: %s is not a field of this node's flow logs.", word)
		}
		all = append(all, formatFields[m[1]])
	}
	if len(all) == 0 || len(all) > 50 {
		return nil, badValue("Invalid log format: it needs 1 to 50 fields.")
	}
	return all, nil
}

// lines are the records of a flow in a format.
func (f *Flow) lines(format []func(line) string) (all []string) {
	for _, back := range []bool{false, true} {
		if back && (!f.Verdict.Allowed || f.Received == 0) {
			continue
		}
		var words []string
		for _, field := range format {
			words = append(words, field(line{f, back}))
		}
		all = append(all, strings.Join(words, " "))
	}
	return all
}

// wants tells whether a flow log is for a flow.
func (l *flowLog) wants(f *Flow) bool {
	if l.Traffic == "ACCEPT" && !f.Verdict.Allowed || l.Traffic == "REJECT" && f.Verdict.Allowed {
		return false
	}
	return l.Resource == f.Interface || l.Resource == f.Subnet || l.Resource == f.VPC
}
