package organizations

import (
	api "cloister/internal/awsapi/organizations"
	"cloister/internal/door"
	"cloister/internal/store"
)

// An organisation here trusts no service and delegates its administration to no
// account: there is no operation by which it could. Tools ask all the same.
func (s *Service) registerTrust(d *door.Door) {
	door.Read(d, api.OpListAWSServiceAccessForOrganization, on[api.ListAWSServiceAccessForOrganizationRequest]("ListAWSServiceAccessForOrganization"),
		func(c *door.Call, r store.Reader, _ *api.ListAWSServiceAccessForOrganizationRequest) (*api.ListAWSServiceAccessForOrganizationResponse, error) {
			_, err := managed(c, r)
			return &api.ListAWSServiceAccessForOrganizationResponse{EnabledServicePrincipals: []*api.EnabledServicePrincipal{}}, err
		})
	door.Read(d, api.OpListDelegatedAdministrators, on[api.ListDelegatedAdministratorsRequest]("ListDelegatedAdministrators"),
		func(c *door.Call, r store.Reader, _ *api.ListDelegatedAdministratorsRequest) (*api.ListDelegatedAdministratorsResponse, error) {
			_, err := managed(c, r)
			return &api.ListDelegatedAdministratorsResponse{DelegatedAdministrators: []*api.DelegatedAdministrator{}}, err
		})
}
