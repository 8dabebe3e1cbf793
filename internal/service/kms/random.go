package kms

import (
	api "cloister/internal/awsapi/kms"
	"cloister/internal/door"
)

func (s *Service) generateRandom(c *door.Call, in *api.GenerateRandomRequest) (*api.GenerateRandomResponse, error) {
	if err := notForEnclaves(in.Recipient); err != nil {
		return nil, err
	}
	if in.CustomKeyStoreId != nil {
		return nil, unsupported("This node has no custom key stores: leave out CustomKeyStoreId.")
	}
	if in.NumberOfBytes == nil {
		return nil, invalid("NumberOfBytes is required.")
	}
	return &api.GenerateRandomResponse{Plaintext: randomBytes(int(*in.NumberOfBytes))}, nil
}
