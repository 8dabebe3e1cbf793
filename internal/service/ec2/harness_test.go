package ec2

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/ec2"
	logsapi "cloister/internal/awsapi/logs"
	stsapi "cloister/internal/awsapi/sts"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
)

// start is the time of every test.
var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// harness is the service behind a real door, with ids that count.
type harness struct {
	*doortest.Harness
	t       testing.TB
	service *Service
	root    *door.Principal

	mu   sync.Mutex
	last int
}

func newHarness(t testing.TB) *harness {
	t.Helper()
	h := &harness{t: t}
	h.Harness = doortest.New(t, []*awsapi.Service{&api.Service, &stsapi.Service, &logsapi.Service}, func(_ *doortest.Harness, c *door.Config) {
		c.Now = func() time.Time { return start }
	})
	h.root = h.Root()
	h.service = New(h.DB)
	h.service.now = func() time.Time { return start }
	h.service.newID = h.nextID
	h.service.Register(h.Door)
	t.Cleanup(func() {
		if err := h.DB.View(context.Background(), h.service.Check); err != nil {
			t.Errorf("check: %v", err)
		}
	})
	return h
}

func (h *harness) nextID(prefix string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last += 16 // a new group's rules have ids next to its own
	return fmt.Sprintf("%s-%08x", prefix, h.last)
}

func try[In, Out any](h *harness, who *door.Principal, op awsapi.Op[In, Out], in *In) (*Out, error) {
	return door.Do(context.Background(), h.Door, who, op, in)
}

func do[In, Out any](h *harness, op awsapi.Op[In, Out], in *In) *Out {
	h.t.Helper()
	out, err := try(h, h.root, op, in)
	if err != nil {
		h.t.Fatalf("%s: %v", op, err)
	}
	return out
}
