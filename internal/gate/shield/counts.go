package shield

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Counts are the numbers of requests and refusals, and those of the process. It
// is safe for concurrent use. No label is of a client's choosing.
type Counts struct {
	requests, refusals *prometheus.CounterVec
	handler            http.Handler
}

// NewCounts makes counts of a registry of their own.
func NewCounts() *Counts {
	c := &Counts{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cloister_requests_total", Help: "Requests that came to the listener, by the kind of their address."}, []string{"kind"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cloister_refusals_total", Help: "Requests that abuse protection refused, by why."}, []string{"reason"}),
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(c.requests, c.refusals, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	c.handler = promhttp.HandlerFor(registry, promhttp.HandlerOpts{DisableCompression: true})
	return c
}

func (c *Counts) request(kind string) {
	if kind == "" {
		kind = "aws"
	}
	c.requests.WithLabelValues(kind).Inc()
}

// Refused counts a refusal. The reason is one of a few words in the program.
func (c *Counts) Refused(reason string) { c.refusals.WithLabelValues(reason).Inc() }

// Write answers with the numbers in Prometheus's text format. Whoever calls it has
// let the client in.
func (c *Counts) Write(w http.ResponseWriter, r *http.Request) { c.handler.ServeHTTP(w, r) }
