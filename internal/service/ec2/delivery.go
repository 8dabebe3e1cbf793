package ec2

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"cloister/internal/awsapi"
	logs "cloister/internal/awsapi/logs"
	sts "cloister/internal/awsapi/sts"
	"cloister/internal/door"
	"cloister/internal/store"
)

const (
	// deliverer is the service that takes the role of a flow log.
	deliverer = "vpc-flow-logs.amazonaws.com"
	// deliverEvery is how long a record waits at most.
	deliverEvery = 2 * time.Second
	// mostWaiting bounds the flows that wait; further ones are counted.
	mostWaiting = 50_000
	mostEvents  = 1000 // of one PutLogEvents

	failedDelivery = "FAILED"
)

// delivery writes flow logs.
type delivery struct {
	mu      sync.Mutex
	waiting []Flow
	lost    int
	failed  map[string]bool // flow logs whose last delivery failed

	sessions map[string]*door.Principal // by flow log and role; of the goroutine that delivers
	expires  map[string]time.Time
}

func newDelivery() *delivery {
	return &delivery{failed: map[string]bool{}, sessions: map[string]*door.Principal{}, expires: map[string]time.Time{}}
}

func (d *delivery) status(id string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failed[id] {
		return failedDelivery
	}
	return "SUCCESS"
}

// Record takes what became of a flow, for the flow logs that want it. It never
// waits.
func (s *Service) Record(f Flow) {
	d := s.delivery
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.waiting) >= mostWaiting {
		d.lost++
		return
	}
	d.waiting = append(d.waiting, f)
}

// Run delivers flow logs until ctx ends, and then what waits.
func (s *Service) Run(ctx context.Context) {
	tick := time.NewTicker(deliverEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			s.deliver(last)
			return
		case <-tick.C:
			s.deliver(ctx)
		}
	}
}

func (d *delivery) take() (flows []Flow, lost int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	flows, lost, d.waiting, d.lost = d.waiting, d.lost, nil, 0
	return flows, lost
}

// deliver writes what waits to every flow log that wants it.
func (s *Service) deliver(ctx context.Context) {
	flows, lost := s.delivery.take()
	if lost > 0 {
		slog.Warn("flows are in no flow log: there were too many at once", "flows", lost)
	}
	if len(flows) == 0 {
		return
	}
	places := map[[2]string][]Flow{}
	for _, f := range flows {
		at := [2]string{f.Account, f.Region}
		places[at] = append(places[at], f)
	}
	for at, flows := range places {
		var all []*flowLog
		err := s.db.View(ctx, func(r store.Reader) (err error) {
			all, err = flowLogs.list(r, at[0], at[1])
			if err == nil && len(all) > 0 {
				err = fillIn(r, flows)
			}
			return err
		})
		if err != nil {
			slog.Warn("flow logs could not be read", "error", err)
			continue
		}
		for _, l := range all {
			s.deliverTo(ctx, l, flows)
		}
	}
}

// fillIn says which VPC flows were in.
func fillIn(r store.Reader, flows []Flow) error {
	known := map[string]string{}
	for i := range flows {
		f := &flows[i]
		if _, ok := known[f.Subnet]; !ok {
			h, err := subnets.get(r, store.K(f.Account, f.Region, f.Subnet))
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			if err == nil {
				known[f.Subnet] = h.VPC
			}
		}
		f.VPC = known[f.Subnet]
	}
	return nil
}

func (s *Service) deliverTo(ctx context.Context, l *flowLog, flows []Flow) {
	ctx = door.WithinPlatform(ctx, door.Inside{Region: l.Region})
	format, err := parseFormat(l.Format)
	events := map[string][]*logs.InputLogEvent{} // by stream
	for i := range flows {
		if f := &flows[i]; err == nil && l.wants(f) {
			stream := f.Interface + "-" + strings.ToLower(l.Traffic)
			for _, text := range f.lines(format) {
				events[stream] = append(events[stream], &logs.InputLogEvent{Message: ptr(text), Timestamp: ptr(f.Ended.UnixMilli())})
			}
		}
	}
	for stream, list := range events {
		for len(list) > 0 && err == nil {
			n := min(len(list), mostEvents)
			err = s.write(ctx, l, stream, list[:n])
			list = list[n:]
		}
	}
	if err != nil {
		slog.Warn("a flow log could not be delivered", "flowLog", l.ID, "error", err)
	}
	if len(events) > 0 {
		s.delivery.mu.Lock()
		s.delivery.failed[l.ID] = err != nil
		s.delivery.mu.Unlock()
	}
}

// write puts events in a stream of a flow log's group, as its role. What is not
// there is made.
func (s *Service) write(ctx context.Context, l *flowLog, stream string, events []*logs.InputLogEvent) error {
	as, err := s.role(ctx, l)
	if err != nil {
		return err
	}
	put := func() error {
		_, err := door.Do(ctx, s.door, as, logs.OpPutLogEvents, &logs.PutLogEventsRequest{LogGroupName: ptr(l.LogGroup), LogStreamName: ptr(stream), LogEvents: events})
		return err
	}
	if err = put(); !hasCode(err, "ResourceNotFoundException") {
		return err
	}
	_, err = door.Do(ctx, s.door, as, logs.OpCreateLogGroup, &logs.CreateLogGroupRequest{LogGroupName: ptr(l.LogGroup)})
	if err != nil && !hasCode(err, "ResourceAlreadyExistsException") && !hasCode(err, "AccessDenied") {
		return err
	}
	_, err = door.Do(ctx, s.door, as, logs.OpCreateLogStream, &logs.CreateLogStreamRequest{LogGroupName: ptr(l.LogGroup), LogStreamName: ptr(stream)})
	if err != nil && !hasCode(err, "ResourceAlreadyExistsException") {
		return err
	}
	return put()
}

func hasCode(err error, code string) bool {
	var e *awsapi.Error
	return errors.As(err, &e) && e.Code == code
}

// role is a session of a flow log's role, in the log's region.
func (s *Service) role(ctx context.Context, l *flowLog) (*door.Principal, error) {
	key := l.ID + " " + l.Role
	if p := s.delivery.sessions[key]; p != nil && s.now().Before(s.delivery.expires[key]) {
		return p, nil
	}
	source := door.ServicePrincipal(deliverer, l.arn(flowLogs.class), l.Account)
	out, err := door.Do(ctx, s.door, source, sts.OpAssumeRole, &sts.AssumeRoleRequest{RoleArn: ptr(l.Role), RoleSessionName: ptr(l.ID), DurationSeconds: ptr(int64(900))})
	if err != nil {
		return nil, err
	}
	p, err := s.door.Session(ctx, val(out.Credentials.AccessKeyId), val(out.Credentials.SessionToken))
	if err == nil {
		s.delivery.sessions[key], s.delivery.expires[key] = p, s.now().Add(10*time.Minute)
	}
	return p, err
}
