package accessanalyzer

import (
	"encoding/json"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/accessanalyzer"
	"cloister/internal/door"
)

// Service is Access Analyzer. It is safe for concurrent use.
type Service struct{}

// New makes the service.
func New() *Service { return &Service{} }

// Register puts the service's operations behind d.
func (s *Service) Register(d *door.Door) {
	door.Read(d, api.OpValidatePolicy, onAll[api.ValidatePolicyRequest]("ValidatePolicy"), validatePolicy)
	door.Read(d, api.OpCheckNoNewAccess, onAll[api.CheckNoNewAccessRequest]("CheckNoNewAccess"), checkNoNewAccess)
	door.Read(d, api.OpCheckAccessNotGranted, onAll[api.CheckAccessNotGrantedRequest]("CheckAccessNotGranted"), checkAccessNotGranted)
	door.Read(d, api.OpCheckNoPublicAccess, onAll[api.CheckNoPublicAccessRequest]("CheckNoPublicAccess"), checkNoPublicAccess)
}

// onAll needs an action on no resource in particular
// (Service Authorization Reference, list_awsiamaccessanalyzer.html).
func onAll[In any](action string) door.Auth[In] {
	return door.On("access-analyzer:"+action, func(*door.Call, *In) string { return "*" })
}

// invalid is an input that the model allows and the operation does not.
func invalid(format string, args ...any) error {
	return awsapi.Errorf("ValidationException", format, args...).With("reason", "other")
}

func val[T any](p *T) T { return awsapi.Val(p) }

func ptr[T any](v T) *T { return awsapi.Ptr(v) }

// mustJSON encodes what always can be.
func mustJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}
