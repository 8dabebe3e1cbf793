package accessanalyzer

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cloister/internal/audit"
	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/accessanalyzer"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
	"cloister/internal/store"
	"cloister/policy"
)

const (
	role     = "arn:aws:iam::123456789012:role/r"
	function = "arn:aws:lambda:us-east-1:123456789012:function:f"
	key      = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
)

func trusting(principal, more string) string {
	return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":` + principal + `,"Action":"sts:AssumeRole"` + more + `}}`
}

func granting(principal, more string) string {
	return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":` + principal + `,"Action":"lambda:InvokeFunction","Resource":"` + function + `"` + more + `}}`
}

func condition(text string) string { return `,"Condition":{` + text + `}` }

// TestWhoIsOutside: each policy on a resource, and who outside the account it
// lets in, "public" for everybody.
func TestWhoIsOutside(t *testing.T) {
	for name, tt := range map[string]struct{ resource, policy, want string }{
		"the account":                 {role, trusting(`{"AWS":"123456789012"}`, ""), ""},
		"a role of the account":       {role, trusting(`{"AWS":"arn:aws:iam::123456789012:role/x"}`, ""), ""},
		"a service":                   {role, trusting(`{"Service":"lambda.amazonaws.com"}`, ""), ""},
		"another account":             {role, trusting(`{"AWS":"210987654321"}`, ""), "AWS 210987654321"},
		"another account, as ARN":     {role, trusting(`{"AWS":"arn:aws:iam::210987654321:root"}`, ""), "AWS arn:aws:iam::210987654321:root"},
		"another account's user":      {role, trusting(`{"AWS":"arn:aws:iam::210987654321:user/u"}`, ""), "AWS arn:aws:iam::210987654321:user/u"},
		"with an external id":         {role, trusting(`{"AWS":"210987654321"}`, condition(`"StringEquals":{"sts:ExternalId":"x"}`)), "AWS 210987654321 sts:ExternalId=x"},
		"everybody":                   {role, trusting(`{"AWS":"*"}`, ""), "public AWS *"},
		"an organisation":             {role, trusting(`{"AWS":"*"}`, condition(`"StringEquals":{"aws:PrincipalOrgID":"o-1234567890"}`)), "AWS * aws:PrincipalOrgID=o-1234567890"},
		"everybody of the account":    {role, trusting(`{"AWS":"*"}`, condition(`"StringEquals":{"aws:PrincipalAccount":"123456789012"}`)), ""},
		"everybody of two accounts":   {role, trusting(`{"AWS":"*"}`, condition(`"StringEquals":{"aws:PrincipalAccount":["210987654321","123456789012"]}`)), "AWS * aws:PrincipalAccount=210987654321,123456789012"},
		"its own account, by name":    {role, trusting(`{"AWS":"*"}`, condition(`"StringEquals":{"aws:PrincipalAccount":"${aws:ResourceAccount}"}`)), ""},
		"roles by name":               {role, trusting(`{"AWS":"*"}`, condition(`"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::210987654321:role/x-*"}`)), "AWS * aws:PrincipalArn=arn:aws:iam::210987654321:role/x-*"},
		"own roles by name":           {role, trusting(`{"AWS":"*"}`, condition(`"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::123456789012:role/x-*"}`)), ""},
		"not if, which excludes few":  {role, trusting(`{"AWS":"*"}`, condition(`"StringNotEquals":{"aws:PrincipalAccount":"210987654321"}`)), "public AWS * aws:PrincipalAccount=210987654321"},
		"an identity provider":        {role, `{"Statement":{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::123456789012:oidc-provider/idp.example.com"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"idp.example.com:sub":"u"}}}}`, "Federated arn:aws:iam::123456789012:oidc-provider/idp.example.com idp.example.com:sub=u"},
		"one that is gone":            {role, trusting(`{"AWS":"AROAAAAAAAAAAAAAAAAAA"}`, ""), ""},
		"denied in the next":          {role, `{"Statement":[{"Effect":"Allow","Principal":{"AWS":["210987654321","310987654321"]},"Action":"sts:AssumeRole"},{"Effect":"Deny","Principal":{"AWS":"210987654321"},"Action":"sts:AssumeRole"}]}`, "AWS 310987654321"},
		"denied on a condition":       {role, `{"Statement":[{"Effect":"Allow","Principal":{"AWS":"210987654321"},"Action":"sts:AssumeRole"},{"Effect":"Deny","Principal":{"AWS":"*"},"Action":"sts:AssumeRole","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"false"}}}]}`, "AWS 210987654321"},
		"a bucket of the account":     {function, granting(`{"Service":"s3.amazonaws.com"}`, condition(`"ArnLike":{"AWS:SourceArn":"arn:aws:s3:::b"},"StringEquals":{"AWS:SourceAccount":"123456789012"}`)), ""},
		"a service for anybody":       {function, granting(`{"Service":"s3.amazonaws.com"}`, ""), "Service s3.amazonaws.com"},
		"a function, for everybody":   {function, granting(`"*"`, ""), "public AWS *"},
		"a function, for an account":  {function, granting(`{"AWS":"arn:aws:iam::210987654321:role/x"}`, ""), "AWS arn:aws:iam::210987654321:role/x"},
		"for all but one":             {function, `{"Statement":{"Effect":"Allow","NotPrincipal":{"AWS":"210987654321"},"Action":"lambda:*","Resource":"*"}}`, "public AWS *"},
		"of an address":               {function, granting(`"*"`, condition(`"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}`)), "AWS * aws:SourceIp=203.0.113.0/24"},
		"a function URL without IAM":  {function, `{"Statement":{"Effect":"Allow","Principal":"*","Action":"lambda:InvokeFunctionUrl","Resource":"*","Condition":{"StringEquals":{"lambda:FunctionUrlAuthType":"NONE"}}}}`, "AWS * lambda:FunctionUrlAuthType=NONE"},
		"a key, for its account":      {key, `{"Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"kms:*","Resource":"*"}}`, ""},
		"a key, for another":          {key, `{"Statement":{"Effect":"Allow","Principal":{"AWS":"210987654321"},"Action":["kms:Decrypt","kms:DescribeKey"],"Resource":"*"}}`, "AWS 210987654321"},
		"a key, for a service":        {key, `{"Statement":{"Effect":"Allow","Principal":{"Service":"logs.amazonaws.com"},"Action":"kms:Decrypt","Resource":"*"}}`, "Service logs.amazonaws.com"},
		"allowed here, denied always": {function, `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"lambda:*","Resource":"*"},{"Effect":"Deny","Principal":"*","Action":"lambda:*","Resource":"*"}]}`, ""},
	} {
		kind := policy.KindResource
		if tt.resource == role {
			kind = policy.KindTrust
		}
		p, err := policy.Parse(kind, []byte(tt.policy))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []string
		for _, g := range external(&door.Need{Resource: tt.resource, Account: doortest.Account, ResourcePolicy: &policy.Named{Policy: p}, ResourcePolicyRequired: tt.resource == role}, time.Now()) {
			text := g.kind + " " + g.name
			if g.public {
				text = "public " + text
			}
			for _, key := range slices.Sorted(maps.Keys(g.condition)) {
				text += " " + key + "=" + g.condition[key]
			}
			got = append(got, text)
		}
		if strings.Join(got, "; ") != tt.want {
			t.Errorf("%s: %q, want %q", name, strings.Join(got, "; "), tt.want)
		}
	}
}

func (h *harness) found(arn *string, filter map[string]*api.Criterion) []*api.FindingSummaryV2 {
	h.t.Helper()
	out, code := do(h.t, h.Harness, api.OpListFindingsV2, &api.ListFindingsV2Request{AnalyzerArn: arn, Filter: filter})
	if code != "" {
		h.t.Fatal(code)
	}
	return out.Findings
}

func TestFindingsFollowThePolicies(t *testing.T) {
	h := newHarness(t)
	h.resources[role] = trusting(`{"AWS":["210987654321","310987654321"]}`, "")
	h.resources[function] = granting(`"*"`, "")
	h.resources["arn:aws:lambda:eu-west-1:123456789012:function:f"] = granting(`"*"`, "") // of another Region
	arn := h.analyzer(externalAccess)
	if found := h.found(arn, nil); len(found) != 0 {
		t.Fatalf("%d findings before the first scan", len(found))
	}
	h.scan()
	if found := h.found(arn, nil); len(found) != 3 {
		t.Fatalf("%d findings", len(found))
	}
	public := h.found(arn, map[string]*api.Criterion{"isPublic": {Eq: []string{"true"}}})
	if len(public) != 1 || *public[0].Resource != function || *public[0].ResourceType != "AWS::Lambda::Function" || *public[0].FindingType != typeExternal {
		t.Fatalf("%+v", public)
	}
	got, _ := do(t, h.Harness, api.OpGetFinding, &api.GetFindingRequest{AnalyzerArn: arn, Id: public[0].Id})
	if f := got.Finding; f.Principal["AWS"] != "*" || !*f.IsPublic || f.Action[0] != "lambda:InvokeFunction" || f.Condition == nil {
		t.Errorf("%+v", f)
	}
	// What ends is resolved, and what comes back is the same finding again.
	h.resources[function] = granting(`{"AWS":"123456789012"}`, "")
	h.now = h.now.Add(time.Hour)
	h.scan()
	is := func(status string) {
		t.Helper()
		f, _ := do(t, h.Harness, api.OpGetFindingV2, &api.GetFindingV2Request{AnalyzerArn: arn, Id: public[0].Id})
		if *f.Status != status || !f.UpdatedAt.Equal(h.now) {
			t.Errorf("it is %s since %v, not %s", *f.Status, f.UpdatedAt, status)
		}
	}
	is(resolved)
	h.resources[function] = granting(`"*"`, "")
	h.now = h.now.Add(time.Hour)
	h.scan()
	is(active)
	// One resource at once.
	delete(h.resources, role)
	if _, code := do(t, h.Harness, api.OpStartResourceScan, &api.StartResourceScanRequest{AnalyzerArn: arn, ResourceArn: ptr(role)}); code != "" {
		t.Fatal(code)
	}
	if left := h.found(arn, map[string]*api.Criterion{"status": {Eq: []string{active}}}); len(left) != 1 {
		t.Errorf("%d active findings after the role is gone", len(left))
	}
	h.now = h.now.AddDate(0, 6, 0)
	h.scan()
	if left := h.found(arn, nil); len(left) != 1 {
		t.Errorf("%d findings, half a year after two were resolved", len(left))
	}
}

func TestArchiveRules(t *testing.T) {
	h := newHarness(t)
	h.resources[role] = trusting(`{"AWS":["210987654321","310987654321"]}`, "")
	out, code := do(t, h.Harness, api.OpCreateAnalyzer, &api.CreateAnalyzerRequest{AnalyzerName: ptr("a"), Type: ptr(externalAccess), ArchiveRules: []*api.InlineArchiveRule{
		{RuleName: ptr("known"), Filter: map[string]*api.Criterion{"principal.AWS": {Eq: []string{"210987654321"}}}}}})
	if code != "" {
		t.Fatal(code)
	}
	h.scan()
	count := func(status string) int {
		return len(h.found(out.Arn, map[string]*api.Criterion{"status": {Eq: []string{status}}}))
	}
	if count(archived) != 1 || count(active) != 1 {
		t.Fatalf("%d archived, %d active", count(archived), count(active))
	}
	if _, code := do(t, h.Harness, api.OpCreateArchiveRule, &api.CreateArchiveRuleRequest{AnalyzerName: ptr("a"), RuleName: ptr("roles"),
		Filter: map[string]*api.Criterion{"resource": {Contains: []string{":role/"}}, "condition.aws:PrincipalOrgID": {Exists: ptr(false)}}}); code != "" {
		t.Fatal(code)
	}
	h.scan()
	if count(active) != 1 {
		t.Error("a new rule changed what was found before")
	}
	if _, code := do(t, h.Harness, api.OpApplyArchiveRule, &api.ApplyArchiveRuleRequest{AnalyzerArn: out.Arn, RuleName: ptr("roles")}); code != "" || count(archived) != 2 {
		t.Errorf("%s, %d archived", code, count(archived))
	}
	if _, code := do(t, h.Harness, api.OpUpdateFindings, &api.UpdateFindingsRequest{AnalyzerArn: out.Arn, Status: ptr(active), ResourceArn: ptr(role)}); code != "" || count(active) != 2 {
		t.Errorf("%s, %d active", code, count(active))
	}
	rules, _ := do(t, h.Harness, api.OpListArchiveRules, &api.ListArchiveRulesRequest{AnalyzerName: ptr("a"), MaxResults: ptr(int64(1))})
	if len(rules.ArchiveRules) != 1 || *rules.ArchiveRules[0].RuleName != "known" || rules.NextToken == nil {
		t.Fatalf("%+v", rules)
	}
	rules, _ = do(t, h.Harness, api.OpListArchiveRules, &api.ListArchiveRulesRequest{AnalyzerName: ptr("a"), NextToken: rules.NextToken})
	if len(rules.ArchiveRules) != 1 || *rules.ArchiveRules[0].RuleName != "roles" || rules.NextToken != nil {
		t.Fatalf("%+v", rules)
	}
	if _, code := do(t, h.Harness, api.OpDeleteArchiveRule, &api.DeleteArchiveRuleRequest{AnalyzerName: ptr("a"), RuleName: ptr("known")}); code != "" {
		t.Error(code)
	}
	if _, code := do(t, h.Harness, api.OpGetArchiveRule, &api.GetArchiveRuleRequest{AnalyzerName: ptr("a"), RuleName: ptr("known")}); code != "ResourceNotFoundException" {
		t.Error(code)
	}
	if _, code := do(t, h.Harness, api.OpDeleteAnalyzer, &api.DeleteAnalyzerRequest{AnalyzerName: ptr("a")}); code != "" {
		t.Error(code)
	}
	if _, code := do(t, h.Harness, api.OpListFindingsV2, &api.ListFindingsV2Request{AnalyzerArn: out.Arn}); code != "ResourceNotFoundException" {
		t.Error(code)
	}
}

func TestPagesOfFindings(t *testing.T) {
	h := newHarness(t)
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		h.resources["arn:aws:iam::123456789012:role/"+name] = trusting(`{"AWS":"210987654321"}`, "")
	}
	arn := h.analyzer(externalAccess)
	h.scan()
	for _, sort := range []*api.SortCriteria{nil, {AttributeName: ptr("resource"), OrderBy: ptr("DESC")}} {
		in := &api.ListFindingsRequest{AnalyzerArn: arn, MaxResults: ptr(int64(2)), Sort: sort}
		var seen []string
		for range 10 {
			out, code := do(t, h.Harness, api.OpListFindings, in)
			if code != "" {
				t.Fatal(code)
			}
			for _, f := range out.Findings {
				seen = append(seen, *f.Resource)
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				break
			}
		}
		if len(seen) != 5 || len(slices.Compact(slices.Sorted(slices.Values(seen)))) != 5 {
			t.Errorf("pages give %q", seen)
		}
		if sort != nil && !slices.IsSortedFunc(seen, func(x, y string) int { return strings.Compare(y, x) }) {
			t.Errorf("not in order: %q", seen)
		}
	}
	resources, _ := do(t, h.Harness, api.OpListAnalyzedResources, &api.ListAnalyzedResourcesRequest{AnalyzerArn: arn, MaxResults: ptr(int64(3))})
	if len(resources.AnalyzedResources) != 3 || resources.NextToken == nil {
		t.Fatalf("%+v", resources)
	}
	resources, _ = do(t, h.Harness, api.OpListAnalyzedResources, &api.ListAnalyzedResourcesRequest{AnalyzerArn: arn, NextToken: resources.NextToken})
	if len(resources.AnalyzedResources) != 2 || *resources.AnalyzedResources[1].ResourceArn != "arn:aws:iam::123456789012:role/e" {
		t.Fatalf("%+v", resources)
	}
	one, _ := do(t, h.Harness, api.OpGetAnalyzedResource, &api.GetAnalyzedResourceRequest{AnalyzerArn: arn, ResourceArn: ptr("arn:aws:iam::123456789012:role/a")})
	if r := one.Resource; *r.IsPublic || !slices.Equal(r.Actions, []string{"sts:AssumeRole"}) || *r.Status != active {
		t.Errorf("%+v", one.Resource)
	}
	stats, _ := do(t, h.Harness, api.OpGetFindingsStatistics, &api.GetFindingsStatisticsRequest{AnalyzerArn: arn})
	if s := stats.FindingsStatistics[0].ExternalAccessFindingsStatistics; *s.TotalActiveFindings != 5 || *s.ResourceTypeStatistics["AWS::IAM::Role"].TotalActiveCrossAccount != 5 {
		t.Errorf("%+v", s)
	}
}

func parse(t *testing.T, text string) []policy.Named {
	p, err := policy.Parse(policy.KindIdentity, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return []policy.Named{{Policy: p}}
}

func TestUnusedAccess(t *testing.T) {
	h := newHarness(t)
	old, recent := h.now.AddDate(0, -6, 0), h.now.AddDate(0, 0, -2)
	some := parse(t, `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["lambda:InvokeFunction","lambda:GetFunction","iam:GetRole","s3:GetObject"],"Resource":"*"},
		{"Effect":"Deny","Action":"iam:*","Resource":"*"}]}`)
	arnOf := func(kind, name string) string { return "arn:aws:iam::123456789012:" + kind + "/" + name }
	h.identities = []Identity{
		{ARN: arnOf("role", "old"), Role: true, Created: old, Policies: some},
		{ARN: arnOf("role", "new"), Role: true, Created: recent, Policies: some},
		{ARN: arnOf("role", "used"), Role: true, Created: old, Policies: some},
		{ARN: arnOf("role", "left-out"), Role: true, Created: old, Policies: some, Tags: map[string]string{"keep": "yes"}},
		{ARN: arnOf("user", "u"), Created: old, Password: old, Keys: []Key{{ID: "AKIAOLD", Created: old}, {ID: "AKIAUSED", Created: old, LastUsed: recent}, {ID: "AKIANEW", Created: recent}}},
	}
	record := func(at time.Time, action string) {
		t.Helper()
		if err := h.Audit.Append(&audit.Record{Time: at, EventSource: "lambda.amazonaws.com", EventName: "x", Account: doortest.Account, Outcome: audit.Allowed,
			Principal: audit.Principal{Type: "AssumedRole", Account: doortest.Account, ARN: "arn:aws:sts::123456789012:assumed-role/used/s", RoleARN: arnOf("role", "used")},
			Needs:     []audit.Need{{Action: action, Resource: "*", Allowed: true}}}); err != nil {
			t.Fatal(err)
		}
	}
	record(recent, "lambda:InvokeFunction")
	out, code := do(t, h.Harness, api.OpCreateAnalyzer, &api.CreateAnalyzerRequest{AnalyzerName: ptr("u"), Type: ptr(unusedAccess), Configuration: &api.AnalyzerConfiguration{UnusedAccess: &api.UnusedAccessConfiguration{
		UnusedAccessAge: ptr(int64(30)), AnalysisRule: &api.AnalysisRule{Exclusions: []*api.AnalysisRuleCriteria{{ResourceTags: []map[string]string{{"keep": "yes"}}}}}}}})
	if code != "" {
		t.Fatal(code)
	}
	h.scan()
	var got []string
	ids := map[string]*string{}
	for _, f := range h.found(out.Arn, nil) {
		name := strings.TrimPrefix(*f.Resource, "arn:aws:iam::123456789012:")
		got = append(got, name+" "+*f.FindingType)
		ids[name+" "+*f.FindingType] = f.Id
	}
	slices.Sort(got)
	want := []string{"role/old UnusedIAMRole", "role/used UnusedPermission", "user/u UnusedIAMUserAccessKey", "user/u UnusedIAMUserPassword"}
	if !slices.Equal(got, want) {
		t.Fatalf("%q", got)
	}
	f, _ := do(t, h.Harness, api.OpGetFindingV2, &api.GetFindingV2Request{AnalyzerArn: out.Arn, Id: ids["role/used UnusedPermission"]})
	var services []string
	for _, d := range f.FindingDetails {
		text := *d.UnusedPermissionDetails.ServiceNamespace
		for _, a := range d.UnusedPermissionDetails.Actions {
			text += " " + *a.Action
		}
		services = append(services, text)
	}
	if !slices.Equal(services, []string{"lambda GetFunction", "s3"}) {
		t.Errorf("%q", services)
	}
	// Uses that come later resolve it.
	record(h.now, "lambda:GetFunction")
	record(h.now, "s3:GetObject")
	h.scan()
	if left := h.found(out.Arn, map[string]*api.Criterion{"status": {Eq: []string{active}}}); len(left) != 3 {
		t.Errorf("%d active findings", len(left))
	}
	// A role of the same name that was made later did nothing yet.
	h.identities = []Identity{{ARN: arnOf("role", "used"), Role: true, Created: h.now.Add(time.Hour), Policies: some}}
	h.now = h.now.AddDate(0, 6, 0)
	h.scan()
	if left := h.found(out.Arn, map[string]*api.Criterion{"findingType": {Eq: []string{typeRole}}, "status": {Eq: []string{active}}}); len(left) != 1 || *left[0].Resource != arnOf("role", "used") {
		t.Errorf("%d active findings", len(left))
	}
	h.identities = nil
	h.scan()
	if err := h.DB.View(context.Background(), func(r store.Reader) error {
		for range uses.Scan(r, nil, nil) {
			t.Error("the uses of one who is gone are kept")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func TestWhatAnalyzersRefuse(t *testing.T) {
	h := newHarness(t)
	h.analyzer(externalAccess)
	unused := h.analyzer(unusedAccess)
	nobody := ptr("arn:aws:access-analyzer:us-east-1:123456789012:analyzer/nobody")
	create := func(in api.CreateAnalyzerRequest) string {
		_, code := do(t, h.Harness, api.OpCreateAnalyzer, &in)
		return code
	}
	list := func(in api.ListFindingsV2Request) string {
		_, code := do(t, h.Harness, api.OpListFindingsV2, &in)
		return code
	}
	configured := func(age int64) *api.AnalyzerConfiguration {
		return &api.AnalyzerConfiguration{UnusedAccess: &api.UnusedAccessConfiguration{UnusedAccessAge: &age}}
	}
	for name, tt := range map[string]struct{ code, want string }{
		"the same name":        {create(api.CreateAnalyzerRequest{AnalyzerName: ptr("a-ACCOUNT"), Type: ptr(externalAccess)}), "ConflictException"},
		"a second of a type":   {create(api.CreateAnalyzerRequest{AnalyzerName: ptr("b"), Type: ptr(externalAccess)}), "ServiceQuotaExceededException"},
		"an organisation's":    {create(api.CreateAnalyzerRequest{AnalyzerName: ptr("b"), Type: ptr("ORGANIZATION")}), "ValidationException"},
		"too long a period":    {create(api.CreateAnalyzerRequest{AnalyzerName: ptr("b"), Type: ptr(unusedAccess), Configuration: configured(366)}), "ValidationException"},
		"a period of external": {create(api.CreateAnalyzerRequest{AnalyzerName: ptr("b"), Type: ptr(externalAccess), Configuration: configured(30)}), "ValidationException"},
		"a reserved tag":       {create(api.CreateAnalyzerRequest{AnalyzerName: ptr("b"), Type: ptr(externalAccess), Tags: map[string]string{"aws:x": "y"}}), "ValidationException"},
		"no analyzer":          {list(api.ListFindingsV2Request{AnalyzerArn: nobody}), "ResourceNotFoundException"},
		"another Region's":     {list(api.ListFindingsV2Request{AnalyzerArn: ptr("arn:aws:access-analyzer:eu-west-1:123456789012:analyzer/a-ACCOUNT")}), "ResourceNotFoundException"},
		"an unknown attribute": {list(api.ListFindingsV2Request{AnalyzerArn: unused, Filter: map[string]*api.Criterion{"colour": {Eq: []string{"red"}}}}), "ValidationException"},
		"of the other type":    {list(api.ListFindingsV2Request{AnalyzerArn: unused, Filter: map[string]*api.Criterion{"isPublic": {Eq: []string{"true"}}}}), "ValidationException"},
		"an empty criterion":   {list(api.ListFindingsV2Request{AnalyzerArn: unused, Filter: map[string]*api.Criterion{"status": {}}}), "ValidationException"},
		"too many criteria":    {list(api.ListFindingsV2Request{AnalyzerArn: unused, Filter: manyCriteria()}), "ValidationException"},
		"too long a criterion": {list(api.ListFindingsV2Request{AnalyzerArn: unused, Filter: map[string]*api.Criterion{"resource": {Eq: []string{strings.Repeat("x", 3000)}}}}), "ValidationException"},
		"a bad token":          {list(api.ListFindingsV2Request{AnalyzerArn: unused, NextToken: ptr("x")}), "ValidationException"},
		"a bad sorted token":   {list(api.ListFindingsV2Request{AnalyzerArn: unused, NextToken: ptr(makeToken("x")), Sort: &api.SortCriteria{AttributeName: ptr("id")}}), "ValidationException"},
		"a page of none":       {list(api.ListFindingsV2Request{AnalyzerArn: unused, MaxResults: ptr(int64(0))}), "ValidationException"},
	} {
		if tt.code != tt.want {
			t.Errorf("%s: %q, want %s", name, tt.code, tt.want)
		}
	}
	if _, code := do(t, h.Harness, api.OpListFindings, &api.ListFindingsRequest{AnalyzerArn: unused}); code != "ValidationException" {
		t.Error(code)
	}
	if _, code := do(t, h.Harness, api.OpStartResourceScan, &api.StartResourceScanRequest{AnalyzerArn: unused, ResourceArn: ptr(role)}); code != "ValidationException" {
		t.Error(code)
	}
	if _, code := do(t, h.Harness, api.OpUpdateFindings, &api.UpdateFindingsRequest{AnalyzerArn: unused, Status: ptr(archived), Ids: []string{"x"}}); code != "ResourceNotFoundException" {
		t.Error(code)
	}
}

func manyCriteria() map[string]*api.Criterion {
	all := map[string]*api.Criterion{}
	for i := range 21 {
		all["condition.aws:PrincipalTag/"+index(i)] = &api.Criterion{Exists: ptr(true)}
	}
	return all
}

// TestPermissions: an analyzer's ARN and tags decide, and a rule's ARN.
func TestPermissions(t *testing.T) {
	h := newHarness(t)
	arn := h.analyzer(externalAccess)
	if _, code := do(t, h.Harness, api.OpTagResource, &api.TagResourceRequest{ResourceArn: arn, Tags: map[string]string{"Team": "red"}}); code != "" {
		t.Fatal(code)
	}
	user := h.User("u", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"access-analyzer:*","Resource":"`+*arn+`","Condition":{"StringEquals":{"aws:ResourceTag/Team":"red"}}},
		{"Effect":"Allow","Action":"access-analyzer:CreateArchiveRule","Resource":"`+*arn+`/archive-rule/mine-*"}]}`)
	may := func(call func() error) bool {
		err := call()
		var wire *awsapi.Error
		return err == nil || errors.As(err, &wire) && !strings.HasPrefix(wire.Code, "AccessDenied")
	}
	ctx := context.Background()
	rule := func(name string) bool {
		return may(func() error {
			_, err := door.Do(ctx, h.Door, user, api.OpCreateArchiveRule, &api.CreateArchiveRuleRequest{AnalyzerName: ptr("a-ACCOUNT"), RuleName: &name, Filter: map[string]*api.Criterion{"status": {Eq: []string{active}}}})
			return err
		})
	}
	list := func(arn string) bool {
		return may(func() error {
			_, err := door.Do(ctx, h.Door, user, api.OpListFindingsV2, &api.ListFindingsV2Request{AnalyzerArn: &arn})
			return err
		})
	}
	if !rule("mine-1") || rule("yours") || !list(*arn) || list(*arn+"x") {
		t.Error("the permission is not on what is named")
	}
}

// A scan that comes soon waits for the rest between two scans, and no longer.
func TestScansRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wake := make(chan struct{}, 1)
		start := time.Now()
		if !sleep(t.Context(), time.Minute, wake) || time.Since(start) != time.Minute {
			t.Errorf("slept %v", time.Since(start))
		}
		start = time.Now()
		wake <- struct{}{}
		if !sleep(t.Context(), time.Minute, wake) || time.Since(start) != 0 {
			t.Errorf("slept %v though woken", time.Since(start))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if sleep(ctx, time.Minute, wake) {
			t.Error("goes on after the end")
		}
	})
}

// What was found in a policy is remembered until nobody asks for it any more.
func TestMemory(t *testing.T) {
	h := newHarness(t)
	h.resources[role] = trusting(`{"AWS":"210987654321"}`, "")
	h.analyzer(externalAccess)
	h.scan()
	if n := len(h.service.memory.known); n != 1 {
		t.Errorf("%d policies are remembered", n)
	}
	delete(h.resources, role)
	h.scan()
	h.scan()
	if n := len(h.service.memory.known); n != 0 {
		t.Errorf("%d policies are remembered for ever", n)
	}
}
