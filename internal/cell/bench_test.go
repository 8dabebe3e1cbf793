package cell

import (
	"context"
	"net"
	"os/exec"
	"slices"
	"testing"
	"time"
)

// The benchmarks measure from the decision to start a compiled Go program to its
// first request of the Runtime API's kind. On a busy machine the minimum says
// more than the mean: each hop between processes waits its turn.

func BenchmarkPlain(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:9001")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	measure(b, func() (end func()) {
		cmd := exec.Command(probeDir+"/probe", "hello")
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		firstRequest(b, l)
		return func() { cmd.Process.Kill(); cmd.Wait() }
	}, 20*time.Millisecond)
}

func BenchmarkStart(b *testing.B) { benchmarkStart(b, HostOptions{}, 20*time.Millisecond) }

func BenchmarkStartAhead(b *testing.B) {
	benchmarkStart(b, HostOptions{Ahead: 1}, refillDelay+80*time.Millisecond)
}

func benchmarkStart(b *testing.B, opts HostOptions, settle time.Duration) {
	h, err := NewHost(opts)
	if err != nil {
		b.Fatal(err)
	}
	defer h.Close()
	h.Prepare()
	measure(b, func() (end func()) {
		spec := probeSpec("hello")
		spec.Listen = []string{"127.0.0.1:9001"}
		c, err := h.Start(context.Background(), spec)
		if err != nil {
			b.Fatal(err)
		}
		firstRequest(b, c.Listener(0))
		return func() { c.Kill(); c.Exit() }
	}, settle)
}

func measure(b *testing.B, start func() (end func()), settle time.Duration) {
	var took []time.Duration
	for b.Loop() {
		b.StopTimer()
		time.Sleep(settle)
		b.StartTimer()
		began := time.Now()
		end := start()
		took = append(took, time.Since(began))
		b.StopTimer()
		end()
		b.StartTimer()
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[0].Microseconds())/1000, "min-ms")
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
}

func firstRequest(b *testing.B, l net.Listener) {
	conn, err := l.Accept()
	if err != nil {
		b.Fatal(err)
	}
	conn.Read(make([]byte, 100))
	conn.Close()
}
