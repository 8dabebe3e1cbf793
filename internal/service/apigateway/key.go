package apigateway

import (
	"errors"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/apigateway"
	"cloister/internal/door"
	"cloister/internal/store"
)

func findKey(r store.Reader, c *door.Call, id string) (*keyRow, error) {
	k, err := keys.Get(r, store.K(c.Account, c.Region, id))
	if errors.Is(err, store.ErrNotFound) {
		return nil, notFound("Invalid API Key identifier specified")
	}
	return k, err
}

func (s *Service) createKey(c *door.Call, tx *store.Tx, in *api.CreateApiKeyRequest) (*api.ApiKey, error) {
	if len(in.StageKeys) > 0 {
		return nil, badRequest("Stage keys are replaced by usage plans: create one with the stage, and add the key to it")
	}
	value := or(in.Value, newKeyValue())
	if len(value) < 20 || len(value) > 128 {
		return nil, badRequest("API Key value should be at least 20 characters")
	}
	k := &keyRow{c.Account, c.Region, api.ApiKey{
		Id: ptr(newID(10)), Value: &value, Name: in.Name, CustomerId: in.CustomerId, Description: in.Description, Enabled: ptr(val(in.Enabled)),
		CreatedDate: ptr(c.Time), LastUpdatedDate: ptr(c.Time), Tags: in.Tags,
	}}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	return &k.Key, putKey(tx, k)
}

func putKey(tx *store.Tx, k *keyRow) error {
	err := keys.Put(tx, k.key(), k)
	if errors.Is(err, store.ErrExists) {
		return conflict("API Key already exists")
	}
	return err
}

// hidden is a key without its value.
func hidden(k *keyRow, show *bool) *api.ApiKey {
	out := k.Key
	if !val(show) {
		out.Value = nil
	}
	return &out
}

func (s *Service) getKey(c *door.Call, r store.Reader, in *api.GetApiKeyRequest) (*api.ApiKey, error) {
	k, err := findKey(r, c, val(in.ApiKey))
	if err != nil {
		return nil, err
	}
	return hidden(k, in.IncludeValue), nil
}

func (s *Service) getKeys(c *door.Call, r store.Reader, in *api.GetApiKeysRequest) (*api.ApiKeys, error) {
	rows, err := all(keys.Scan(r, store.K(c.Account, c.Region), nil))
	if err != nil {
		return nil, err
	}
	var chosen []*keyRow
	for _, k := range rows {
		if strings.HasPrefix(val(k.Key.Name), val(in.NameQuery)) && (in.CustomerId == nil || val(k.Key.CustomerId) == *in.CustomerId) {
			chosen = append(chosen, k)
		}
	}
	chosen, next, err := page(chosen, func(k *keyRow) string { return val(k.Key.Id) }, in.Position, in.Limit)
	out := &api.ApiKeys{Position: next}
	for _, k := range chosen {
		out.Items = append(out.Items, hidden(k, in.IncludeValues))
	}
	return out, err
}

func (s *Service) updateKey(c *door.Call, tx *store.Tx, in *api.UpdateApiKeyRequest) (*api.ApiKey, error) {
	k, err := findKey(tx, c, val(in.ApiKey))
	if err != nil {
		return nil, err
	}
	if err := patch(&k.Key, in.PatchOperations, "/name", "/description", "/enabled", "/customerId"); err != nil {
		return nil, err
	}
	k.Key.LastUpdatedDate = ptr(c.Time)
	return hidden(k, nil), putKey(tx, k)
}

func (s *Service) deleteKey(c *door.Call, tx *store.Tx, in *api.DeleteApiKeyRequest) (*awsapi.None, error) {
	k, err := findKey(tx, c, val(in.ApiKey))
	if err != nil {
		return nil, err
	}
	with, err := all(plans.ScanIndex(tx, "key", store.K(c.Account, c.Region, *k.Key.Id), nil))
	if err != nil {
		return nil, err
	}
	for _, p := range with {
		if err := dropKey(tx, p, *k.Key.Id); err != nil {
			return nil, err
		}
	}
	return &awsapi.None{}, keys.Delete(tx, k.key())
}
