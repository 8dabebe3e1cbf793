package cell

import (
	"context"
	"io"
	"net"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"cloister/internal/cell/egress"
)

// The benchmarks of the network run the same load twice: on this machine's
// loopback, and from a cell through the policy to the same server.

func BenchmarkNetwork(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	go serveLoad(l)
	for _, load := range []struct{ attempt, unit string }{{"load_connections", "conns/s"}, {"load_up", "Gbit/s"}, {"load_down", "Gbit/s"}} {
		b.Run(load.attempt+"/plain", func(b *testing.B) {
			best(b, load.unit, func() string {
				out, err := exec.Command(probeDir+"/probe", load.attempt+":1s/"+l.Addr().String()).Output()
				if err != nil {
					b.Fatal(err)
				}
				return string(out)
			})
		})
		b.Run(load.attempt+"/cell", func(b *testing.B) {
			best(b, load.unit, func() string {
				spec := probeSpec(load.attempt + ":1s/198.51.100.2:80")
				spec.Network = &egress.Network{Egress: to(l.Addr().String())}
				return output(b, spec)
			})
		})
	}
}

// best reports the best figure: the machine is shared.
func best(b *testing.B, unit string, run func() string) {
	var figures []float64
	for b.Loop() {
		out := run()
		fields := strings.Fields(out)
		v, err := strconv.ParseFloat(fields[len(fields)-1], 64)
		if err != nil {
			b.Fatalf("%q", out)
		}
		figures = append(figures, v)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(slices.Max(figures), unit)
}

// to allows everything and leads all of it to one address.
type to string

func (t to) Connect(ctx context.Context, f egress.Flow) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, "tcp", string(t))
}

func (t to) Resolve(context.Context, egress.Question) (egress.Answer, error) {
	return egress.Answer{}, egress.ErrNoName
}

func serveLoad(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			var way [1]byte
			if _, err := io.ReadFull(c, way[:]); err != nil {
				return
			}
			b := make([]byte, 256<<10)
			move := c.Read
			if way[0] == 'd' {
				move = c.Write
			}
			for {
				if _, err := move(b); err != nil {
					return
				}
			}
		}()
	}
}
