package sts

import (
	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/sts"
	"cloister/internal/door"
	"cloister/internal/door/reason"
	"cloister/internal/store"
)

// needDecode needs a permission that AWS gives no resource.
func needDecode(*door.Call, store.Reader, *api.DecodeAuthorizationMessageRequest) ([]door.Need, error) {
	return []door.Need{{Action: "sts:DecodeAuthorizationMessage", Resource: "*"}}, nil
}

// decodeAuthorizationMessage tells why a caller of the account was denied
// something, from what the caller was given
// (https://docs.aws.amazon.com/STS/latest/APIReference/API_DecodeAuthorizationMessage.html).
func (s *Service) decodeAuthorizationMessage(c *door.Call, _ store.Reader, in *api.DecodeAuthorizationMessageRequest) (*api.DecodeAuthorizationMessageResponse, error) {
	text, err := reason.Decode(s.sealing, c.Account, awsapi.Val(in.EncodedMessage))
	if err != nil {
		return nil, awsapi.Errorf("InvalidAuthorizationMessageException", "Message is not valid")
	}
	return &api.DecodeAuthorizationMessageResponse{DecodedMessage: &text}, nil
}
