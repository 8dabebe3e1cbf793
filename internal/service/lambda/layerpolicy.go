package lambda

import (
	"errors"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/lambda"
	"cloister/internal/door"
	"cloister/internal/store"
)

// requireLayer refuses to speak of the policy of a version that does not exist.
func requireLayer(r store.Reader, l layerID) error {
	_, err := layerVersions.Get(r, l.key())
	if errors.Is(err, store.ErrNotFound) {
		return fail("ResourceNotFoundException", "Layer version %s does not exist.", l.arn())
	}
	return err
}

func (s *Service) addLayerPermission(c *door.Call, tx *store.Tx, in *api.AddLayerVersionPermissionRequest) (*api.AddLayerVersionPermissionResponse, error) {
	l, err := parseLayer(c, in.LayerName, in.VersionNumber)
	if err != nil {
		return nil, err
	}
	if err := requireLayer(tx, l); err != nil {
		return nil, err
	}
	p, err := loadPolicy(tx, layerPolicies, l.key())
	if err != nil {
		return nil, err
	}
	if err := checkPolicyRevision(p, in.RevisionId); err != nil {
		return nil, err
	}
	st := statement{Sid: val(in.StatementId), Effect: "Allow", Principal: principalOf(val(in.Principal)), Action: val(in.Action), Resource: l.arn()}
	st.when("StringEquals", "aws:PrincipalOrgID", in.OrganizationId)
	if err := p.add(st); err != nil {
		return nil, err
	}
	return &api.AddLayerVersionPermissionResponse{Statement: ptr(st.json()), RevisionId: ptr(p.RevisionID)},
		savePolicy(tx, layerPolicies, l.key(), p)
}

func (s *Service) removeLayerPermission(c *door.Call, tx *store.Tx, in *api.RemoveLayerVersionPermissionRequest) (*awsapi.None, error) {
	l, err := parseLayer(c, in.LayerName, in.VersionNumber)
	if err != nil {
		return nil, err
	}
	if err := requireLayer(tx, l); err != nil {
		return nil, err
	}
	return none, removeStatement(tx, layerPolicies, l.key(), val(in.StatementId), in.RevisionId)
}

func (s *Service) getLayerPolicy(c *door.Call, r store.Reader, in *api.GetLayerVersionPolicyRequest) (*api.GetLayerVersionPolicyResponse, error) {
	l, err := parseLayer(c, in.LayerName, in.VersionNumber)
	if err != nil {
		return nil, err
	}
	if err := requireLayer(r, l); err != nil {
		return nil, err
	}
	p, err := layerPolicies.Get(r, l.key())
	if errors.Is(err, store.ErrNotFound) {
		return nil, noPolicy()
	}
	if err != nil {
		return nil, err
	}
	return &api.GetLayerVersionPolicyResponse{Policy: ptr(string(p.document())), RevisionId: ptr(p.RevisionID)}, nil
}
