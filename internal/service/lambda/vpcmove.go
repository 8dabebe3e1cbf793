package lambda

import (
	"context"

	api "cloister/internal/awsapi/lambda"
	"cloister/internal/door"
	"cloister/internal/store"
)

// move is a change of the VPC that a function's latest version is in. nil is
// none.
type move struct {
	to   *vpcConfig
	from *vpcConfig
	role string // of the version before
	with string // of the version after: it made what is in to
}

// moveOf prepares the change that a request asks for: the interfaces of the new
// VPC are made before it commits.
func (s *Service) moveOf(c *door.Call, f ref, in *api.UpdateFunctionConfigurationRequest) (*move, error) {
	if in.VpcConfig == nil {
		return nil, nil
	}
	var v *version
	err := c.View(func(r store.Reader) (err error) {
		v, err = latestOf(r, f, in.RevisionId)
		return err
	})
	if err != nil || v.VPC.same(in.VpcConfig) {
		return nil, err
	}
	m := &move{from: v.VPC, role: v.Role, with: or(in.Role, v.Role)}
	m.to, err = s.join(c, f, m.with, in.VpcConfig)
	return m, err
}

func (m *move) apply(v *version) {
	if m != nil {
		m.from, m.role = v.VPC, v.Role
		v.VPC = m.to
	}
}

// leaveOld has what no version needs any more removed once the change commits.
func (m *move) leaveOld(s *Service, c *door.Call, tx *store.Tx, f ref) error {
	if m == nil {
		return nil
	}
	gone, err := unheld(tx, f, m.from.ids())
	s.leaveAfter(c, tx, f, m.role, gone)
	return err
}

// undo removes what was made for a change that did not commit.
func (m *move) undo(s *Service, c *door.Call, f ref) {
	if m != nil {
		s.leave(context.WithoutCancel(c), f, m.with, m.to.ids())
	}
}
