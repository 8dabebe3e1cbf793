package door

import (
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"time"

	"cloister/internal/awsapi"
	"cloister/internal/door/reason"
	"cloister/policy"
)

// MessageHeader is the header of an answer to a denied call that has the reason,
// encoded for sts:DecodeAuthorizationMessage.
const MessageHeader = "Cloister-Authorization-Message"

// rejection is what policies refused a call.
type rejection struct {
	need     *Need
	request  policy.Request
	decision policy.Decision
	context  map[string][]string
}

// EncodedMessage is why policies denied the call, encoded for those who may call
// sts:DecodeAuthorizationMessage in the caller's account; "" if no policy did, or
// the resource is another account's, whose conditions and statements are not the
// caller's to know.
func (c *Call) EncodedMessage() string {
	r := c.rejection
	p := c.Principal
	if r == nil || c.door.sealing == nil || p.Account == "" || r.need.owner(c.Account) != p.Account {
		return ""
	}
	text, err := reason.Encode(c.door.sealing, p.Account, reason.Message{
		PrincipalID: p.UserID, PrincipalName: p.Name, PrincipalARN: p.ARN,
		Action: r.request.Action, Resource: r.request.Resource,
		Conditions: c.seen(r.context), Statement: r.statement(),
	})
	if err != nil {
		slog.Error("a denial could not be encoded", "requestID", c.RequestID, "error", err)
		return ""
	}
	return text
}

// seen are the condition keys of a denial with those that its record has
// elsewhere.
func (c *Call) seen(context map[string][]string) map[string][]string {
	all := maps.Clone(context)
	all["aws:currenttime"] = []string{c.Time.UTC().Format(time.RFC3339)}
	if c.SourceIP != "" {
		all["aws:sourceip"] = []string{c.SourceIP}
	}
	return all
}

// statement is the text of the statement that denied, if one of the account's
// own policies did. An organisation's are for its management to know.
func (r *rejection) statement() json.RawMessage {
	switch r.decision.Reason {
	case policy.ExplicitDenyIdentity, policy.ExplicitDenyResource, policy.ExplicitDenyBoundary, policy.ExplicitDenySession:
	default:
		return nil
	}
	if r.decision.Policy == nil || r.decision.Policy.Policy == nil {
		return nil
	}
	var tree struct{ Statement json.RawMessage }
	if json.Unmarshal(r.decision.Policy.Policy.Text(), &tree) != nil {
		return nil
	}
	var list []json.RawMessage
	if json.Unmarshal(tree.Statement, &list) != nil {
		list = []json.RawMessage{tree.Statement}
	}
	if i := r.decision.Statement; i >= 0 && i < len(list) {
		return list[i]
	}
	return nil
}

// addMessage gives the answer to a call that policies denied the reason.
func addMessage(w http.ResponseWriter, c *Call, err error) {
	if !errors.Is(err, errDenied) {
		return
	}
	if text := c.EncodedMessage(); text != "" {
		w.Header().Set(MessageHeader, text)
	}
}

// unauthorizedOperation is a denial as EC2 words it, with the reason in its text.
func unauthorizedOperation(e *awsapi.Error, encoded string) *awsapi.Error {
	denied := *e
	denied.Code, denied.Status = "UnauthorizedOperation", http.StatusForbidden
	denied.Message = "You are not authorized to perform this operation. " + e.Message
	if encoded != "" {
		denied.Message += ". Encoded authorization failure message: " + encoded
	}
	return &denied
}
