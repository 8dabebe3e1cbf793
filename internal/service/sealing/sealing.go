// Package sealing is the operations by which administrators see and rotate the
// keys that everything at rest is sealed under. They belong to the node and so to
// the account that its first start made: nobody of another account is allowed
// them.
package sealing

import (
	"crypto/fips140"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/platform"
	"cloister/internal/door"
	"cloister/internal/seal"
	"cloister/internal/store"
)

// Service answers the operations. It is safe for concurrent use.
type Service struct {
	keys    *seal.Keyring
	account string
}

// New makes the service for a keyring that this process owns, and the node's
// own account.
func New(keys *seal.Keyring, account string) *Service { return &Service{keys, account} }

// Register registers the operations. Their permissions are cloister:GetSealStatus
// and cloister:RotateSeal, on the ARN of the account's seal.
func (s *Service) Register(d *door.Door) {
	door.Act(d, api.OpGetSealStatus, door.Permission(func(*door.Call, store.Reader, *api.GetSealStatusRequest) ([]door.Need, error) {
		return s.need("cloister:GetSealStatus"), nil
	}), func(*door.Call, *api.GetSealStatusRequest) (*api.SealStatus, error) { return s.status(), nil })
	door.Act(d, api.OpRotateSeal, door.Permission(func(*door.Call, store.Reader, *api.RotateSealRequest) ([]door.Need, error) {
		return s.need("cloister:RotateSeal"), nil
	}), s.rotate)
}

func (s *Service) need(action string) []door.Need {
	return []door.Need{{Action: action, Resource: "arn:aws:cloister::" + s.account + ":seal", Account: s.account}}
}

func (s *Service) status() *api.SealStatus {
	known := s.keys.Status()
	out := &api.SealStatus{Custody: known.Custody, RootKeyMade: known.RootKeyMade, FIPS: fips140.Enabled()}
	for _, g := range known.Generations {
		out.Generations = append(out.Generations, api.SealGeneration{ID: int64(g.ID), Made: g.Made})
	}
	return out
}

// rotate gives the new root key to the custody that the node was started with.
// A custody that does not answer is the administrator's to repair: its error is
// for them, and holds no key.
func (s *Service) rotate(*door.Call, *api.RotateSealRequest) (*api.SealStatus, error) {
	if err := s.keys.Rotate(nil); err != nil {
		return nil, awsapi.Errorf("SealRotationException", "The rotation did not finish: %v. Everything sealed stays readable; cloister seal status shows the keys in use.", err)
	}
	return s.status(), nil
}
