package ssm

import (
	"context"
	"errors"
	"log/slog"
	"time"

	api "cloister/internal/awsapi/ssm"
	"cloister/internal/door"
	"cloister/internal/store"
)

// Service is Parameter Store. It is safe for concurrent use.
type Service struct {
	db   *store.DB
	door *door.Door
	now  func() time.Time
}

// New makes the service. Run removes what has expired.
func New(db *store.DB) *Service { return &Service{db: db, now: time.Now} }

// Run removes expired parameters until ctx ends.
func (s *Service) Run(ctx context.Context) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := s.sweep(ctx); err != nil && ctx.Err() == nil {
				slog.Warn("expired parameters could not be removed", "error", err)
			}
		}
	}
}

func (s *Service) sweep(ctx context.Context) error {
	var gone []store.Key
	err := s.db.View(ctx, func(r store.Reader) error {
		for item, err := range parameters.Scan(r, nil, nil) {
			if err != nil {
				return err
			}
			if item.Value.isGone(s.now()) {
				gone = append(gone, item.Value.key())
			}
		}
		return nil
	})
	for _, key := range gone {
		err = errors.Join(err, s.db.Update(ctx, func(tx *store.Tx) error {
			p, err := parameters.Get(tx, key)
			if errors.Is(err, store.ErrNotFound) || err == nil && !p.isGone(s.now()) {
				return nil
			}
			if err != nil {
				return err
			}
			return remove(tx, p)
		}))
	}
	return err
}

// Register puts the service's operations behind d.
func (s *Service) Register(d *door.Door) {
	s.door = d
	door.Act(d, api.OpPutParameter, door.Permission(needsOfPut), s.putParameter)
	door.Act(d, api.OpGetParameter, onParameter("GetParameter", func(in *api.GetParameterRequest) *string { return in.Name }), s.getParameter)
	door.Act(d, api.OpGetParameters, onParameters("GetParameters", func(in *api.GetParametersRequest) []string { return in.Names }), s.getParameters)
	door.Act(d, api.OpGetParametersByPath, door.Permission(needsOfPath), s.getByPath)
	door.Act(d, api.OpGetParameterHistory, onParameter("GetParameterHistory", func(in *api.GetParameterHistoryRequest) *string { return in.Name }), s.history)
	door.Read(d, api.OpDescribeParameters, door.On("ssm:DescribeParameters", func(c *door.Call, _ *api.DescribeParametersRequest) string {
		return "arn:aws:ssm:" + c.Region + ":" + c.Account + ":*"
	}), s.describeParameters)
	door.Write(d, api.OpLabelParameterVersion, onParameter("LabelParameterVersion", func(in *api.LabelParameterVersionRequest) *string { return in.Name }), s.label)
	door.Write(d, api.OpUnlabelParameterVersion, onParameter("UnlabelParameterVersion", func(in *api.UnlabelParameterVersionRequest) *string { return in.Name }), s.unlabel)
	door.Write(d, api.OpDeleteParameter, onParameter("DeleteParameter", func(in *api.DeleteParameterRequest) *string { return in.Name }), s.deleteParameter)
	door.Write(d, api.OpDeleteParameters, onParameters("DeleteParameters", func(in *api.DeleteParametersRequest) []string { return in.Names }), s.deleteParameters)
	door.Write(d, api.OpAddTagsToResource, door.Permission(needsOfAddTags), s.addTags)
	door.Write(d, api.OpRemoveTagsFromResource, door.Permission(needsOfRemoveTags), s.removeTags)
	door.Read(d, api.OpListTagsForResource, onParameter("ListTagsForResource", func(in *api.ListTagsForResourceRequest) *string { return in.ResourceId }), s.listTags)
}
