package sts

import (
	"errors"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/sts"
	"cloister/internal/door"
	"cloister/internal/store"
)

// needKeyInfo needs a permission that AWS gives no resource.
func needKeyInfo(*door.Call, store.Reader, *api.GetAccessKeyInfoRequest) ([]door.Need, error) {
	return []door.Need{{Action: "sts:GetAccessKeyInfo", Resource: "*"}}, nil
}

// getAccessKeyInfo tells whose an access key is: any account's, active or not
// (https://docs.aws.amazon.com/STS/latest/APIReference/API_GetAccessKeyInfo.html).
func (s *Service) getAccessKeyInfo(_ *door.Call, r store.Reader, in *api.GetAccessKeyInfoRequest) (*api.GetAccessKeyInfoResponse, error) {
	account, err := s.roles.KeyAccount(r, awsapi.Val(in.AccessKeyId))
	if errors.Is(err, store.ErrNotFound) {
		return nil, validation("The access key %s does not exist.", awsapi.Val(in.AccessKeyId))
	}
	if err != nil {
		return nil, err
	}
	return &api.GetAccessKeyInfoResponse{Account: &account}, nil
}
