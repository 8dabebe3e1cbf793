package platform

import "time"

// OpListPrincipalActivity tells which permissions a user, or the sessions of a
// role, used, and which they were denied, from the audit log.
var OpListPrincipalActivity = define[ListPrincipalActivityRequest, ListPrincipalActivityResponse]("ListPrincipalActivity")

// ListPrincipalActivityRequest asks for a page of what a user or a role did. Since is
// inclusive, Until exclusive; both count the time at which calls were made.
type ListPrincipalActivityRequest struct {
	Principal *string `api:"required,min=20,max=2048"` // the ARN of the user or role
	Since     *time.Time
	Until     *time.Time
	NextToken *string `api:"min=1,max=64"`
}

// ListPrincipalActivityResponse is what one page of the log has: the same permission
// may be in several pages, and a page may have none. NextToken is absent in the
// last.
type ListPrincipalActivityResponse struct {
	Activity  []Activity
	Scanned   int64 // records of the log that were read for the page
	NextToken *string
}

// Activity is a permission, and how often it was asked for in the page's part
// of the log with the same answer. Of denied ones the whole call was refused.
type Activity struct {
	Action   string
	Resource string
	Allowed  bool
	Reason   string // what decided, as in explanations
	Policy   string // the policy that decided; "" where none did
	Count    int64
	First    time.Time
	Last     time.Time
}
