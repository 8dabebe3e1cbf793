package door

import "context"

// Session is the principal that temporary credentials stand for, for a service
// that acts with a role it has just assumed. The error is an *awsapi.Error.
func (d *Door) Session(ctx context.Context, accessKeyID, sessionToken string) (*Principal, error) {
	credential, err := d.directory.Credential(ctx, accessKeyID, sessionToken)
	if err != nil {
		return nil, err
	}
	return credential.Principal, nil
}
