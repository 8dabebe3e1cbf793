package lambda

import (
	"regexp"
	"strconv"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/lambda"
	"cloister/internal/door"
	"cloister/internal/store"
)

var accountPattern = regexp.MustCompile(`^\d{12}$`)

// principalOf is a statement's Principal for what AddPermission was given: "*",
// a service, an account, or an ARN.
func principalOf(given string) any {
	switch {
	case given == "*":
		return "*"
	case accountPattern.MatchString(given):
		return map[string]string{"AWS": "arn:aws:iam::" + given + ":root"}
	case strings.HasPrefix(given, "arn:"):
		return map[string]string{"AWS": given}
	default:
		return map[string]string{"Service": given}
	}
}

// needsOfAddPermission are the function and, as condition keys, to whom it
// would be opened.
func (s *Service) needsOfAddPermission(c *door.Call, r store.Reader, in *api.AddPermissionRequest) ([]door.Need, error) {
	f, err := parseRef(c, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	need, err := functionNeed(r, "lambda:AddPermission", f)
	if err != nil {
		return nil, err
	}
	need.Context["lambda:principal"] = []string{val(in.Principal)}
	if in.FunctionUrlAuthType != nil {
		need.Context["lambda:functionurlauthtype"] = []string{*in.FunctionUrlAuthType}
	}
	return []door.Need{need}, nil
}

func (s *Service) addPermission(c *door.Call, tx *store.Tx, in *api.AddPermissionRequest) (*api.AddPermissionResponse, error) {
	f, err := parseRef(c, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if f.Qualifier == "$LATEST" {
		return nil, fail("InvalidParameterValueException", "We currently do not support adding policies for $LATEST.")
	}
	if _, err := resolve(tx, f); err != nil {
		return nil, err
	}
	p, err := loadPolicy(tx, permissions, f.key(f.Qualifier))
	if err != nil {
		return nil, err
	}
	if err := checkPolicyRevision(p, in.RevisionId); err != nil {
		return nil, err
	}
	st := permissionStatement(f, in)
	if err := p.add(st); err != nil {
		return nil, err
	}
	return &api.AddPermissionResponse{Statement: ptr(st.json())}, savePolicy(tx, permissions, f.key(f.Qualifier), p)
}

func permissionStatement(f ref, in *api.AddPermissionRequest) statement {
	st := statement{
		Sid: val(in.StatementId), Effect: "Allow", Principal: principalOf(val(in.Principal)),
		Action: val(in.Action), Resource: f.arn(),
	}
	st.when("ArnLike", "AWS:SourceArn", in.SourceArn)
	st.when("StringEquals", "AWS:SourceAccount", in.SourceAccount)
	st.when("StringEquals", "aws:PrincipalOrgID", in.PrincipalOrgID)
	st.when("StringEquals", "lambda:EventSourceToken", in.EventSourceToken)
	st.when("StringEquals", "lambda:FunctionUrlAuthType", in.FunctionUrlAuthType)
	if in.InvokedViaFunctionUrl != nil {
		st.when("Bool", "lambda:InvokedViaFunctionUrl", ptr(strconv.FormatBool(*in.InvokedViaFunctionUrl)))
	}
	return st
}

// when adds a condition, if a value is given for it.
func (st *statement) when(operator, key string, value *string) {
	if val(value) == "" {
		return
	}
	if st.Condition == nil {
		st.Condition = map[string]map[string]string{}
	}
	if st.Condition[operator] == nil {
		st.Condition[operator] = map[string]string{}
	}
	st.Condition[operator][key] = *value
}

func (s *Service) removePermission(c *door.Call, tx *store.Tx, in *api.RemovePermissionRequest) (*awsapi.None, error) {
	f, err := parseRef(c, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if _, err := resolve(tx, f); err != nil {
		return nil, err
	}
	return none, removeStatement(tx, permissions, f.key(f.Qualifier), val(in.StatementId), in.RevisionId)
}

// removeStatement takes a statement out of the policy at key.
func removeStatement(tx *store.Tx, rows *store.Collection[resourcePolicy], key store.Key, sid string, revision *string) error {
	p, err := loadPolicy(tx, rows, key)
	if err != nil {
		return err
	}
	if len(p.Statements) == 0 {
		return noPolicy()
	}
	if err := checkPolicyRevision(p, revision); err != nil {
		return err
	}
	if !p.remove(sid) {
		return fail("ResourceNotFoundException", "Statement %s is not found in resource policy.", clip(sid))
	}
	return savePolicy(tx, rows, key, p)
}

func (s *Service) getPolicy(c *door.Call, r store.Reader, in *api.GetPolicyRequest) (*api.GetPolicyResponse, error) {
	f, err := parseRef(c, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if _, err := resolve(r, f); err != nil {
		return nil, err
	}
	p, err := loadPolicy(r, permissions, f.key(f.Qualifier))
	if err != nil {
		return nil, err
	}
	if len(p.Statements) == 0 {
		return nil, fail("ResourceNotFoundException", "The resource you requested does not exist.")
	}
	return &api.GetPolicyResponse{Policy: ptr(string(p.document())), RevisionId: ptr(p.RevisionID)}, nil
}
