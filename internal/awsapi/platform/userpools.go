package platform

import "cloister/internal/awsapi"

// UserPoolPages is the service that browsers and applications reach at a user
// pool's domain. It speaks no protocol of AWS's: its operation is reached by the
// gate alone.
var UserPoolPages = awsapi.Service{Name: "cognito-idp", ID: "UserPoolPages", SigningName: "cognito-idp"}

// OpUserPoolRequest is one request to a user pool's domain.
var OpUserPoolRequest = defineIn[UserPoolRequest, UserPoolAnswer](&UserPoolPages, "UserPoolRequest")

// UserPoolRequest is what the audit log has of a request to a user pool's domain:
// nothing of its query and body.
type UserPoolRequest struct {
	UserPoolID string
	Endpoint   string
	Method     string

	// Exchange is what the front keeps of the request.
	Exchange any `api:"-"`
}

// UserPoolAnswer is what the front made of the request: it knows its type.
type UserPoolAnswer struct {
	Answer any `api:"-"`
}
