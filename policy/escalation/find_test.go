package escalation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
)

func user(name string, granted ...object) object {
	return object{"Arn": "arn:aws:iam::123456789012:user/" + name, "UserName": name, "UserPolicyList": []object{inlined("p", statements(granted...))}}
}

func role(name string, trust object, granted ...object) object {
	return object{"Arn": "arn:aws:iam::123456789012:role/" + name, "RoleName": name, "AssumeRolePolicyDocument": trust, "RolePolicyList": []object{inlined("p", statements(granted...))}}
}

func with(o object, key string, value any) object {
	o[key] = value
	return o
}

func where(s object, condition object) object { return with(s, "Condition", condition) }

var (
	byLambda  = trustOf(object{"Service": "lambda.amazonaws.com"})
	byAccount = trustOf(object{"AWS": "arn:aws:iam::123456789012:root"})
	admin     = allow("*", "*")
	passes    = []object{allow("iam:PassRole", "*"), allow("lambda:*", "*")}
)

func lines(r *Report) []string {
	var all []string
	for i := range r.Paths {
		all = append(all, r.Paths[i].String())
	}
	return all
}

func want(t *testing.T, a *Account, arn string, want ...string) *Report {
	t.Helper()
	r := Find(a, arn)
	if got := lines(r); !slices.Equal(got, want) {
		t.Errorf("found\n%s\nwant\n%s\nnotes %q", strings.Join(got, "\n"), strings.Join(want, "\n"), r.Notes)
	}
	return r
}

const createAndInvoke = "user/bob --iam:PassRole+lambda:CreateFunction+lambda:InvokeFunction--> role/admin"

// only keeps the paths of some techniques, for scenes in which many lead up.
func only(r *Report, ids ...string) []string {
	var all []string
	for i := range r.Paths {
		if slices.Contains(ids, r.Paths[i].Steps[0].Technique) {
			all = append(all, r.Paths[i].String())
		}
	}
	return all
}

func TestWhatDecides(t *testing.T) {
	bob := func() object { return user("bob", passes...) }
	for name, c := range map[string]struct {
		bob   object
		admin object
		more  object
		scp   []Document
		want  string
	}{
		"allowed":                        {bob: bob(), want: createAndInvoke},
		"an explicit deny":               {bob: user("bob", append(slices.Clone(passes), deny(allow("lambda:Invoke*", "*")), deny(allow("lambda:AddPermission", "*")), deny(allow("lambda:CreateEventSourceMapping", "*")))...)},
		"a deny of the role":             {bob: user("bob", append(slices.Clone(passes), deny(allow("iam:PassRole", "arn:aws:iam::*:role/adm*")))...)},
		"a boundary":                     {bob: with(bob(), "PermissionsBoundary", object{"PermissionsBoundaryArn": ownPol}), more: policyOf(ownPol, statements(allow("lambda:*", "*")))},
		"a boundary that lets pass":      {bob: with(bob(), "PermissionsBoundary", object{"PermissionsBoundaryArn": ownPol}), more: policyOf(ownPol, statements(allow([]string{"lambda:*", "iam:PassRole"}, "*"))), want: createAndInvoke},
		"a service control policy":       {bob: bob(), scp: []Document{{"scp", jsonOf(statements(admin, deny(allow("iam:PassRole", "*"))))}}},
		"one that lets pass":             {bob: bob(), scp: []Document{{"scp", jsonOf(statements(admin))}}, want: createAndInvoke},
		"one that allows something else": {bob: bob(), scp: []Document{{"scp", jsonOf(statements(allow("lambda:*", "*")))}}},
		"another service":                {bob: bob(), admin: role("admin", trustOf(object{"Service": "ec2.amazonaws.com"}), admin)},
		"a condition that is not known": {bob: user("bob", allow("iam:PassRole", "*"), where(allow("lambda:*", "*"), object{"IpAddress": object{"aws:SourceIp": "10.0.0.0/8"}, "Bool": object{"aws:MultiFactorAuthPresent": "true"}})),
			want: createAndInvoke + " (if conditions on aws:MultiFactorAuthPresent are met, and conditions on aws:SourceIp are met)"},
		"a deny with one": {bob: user("bob", append(slices.Clone(passes), where(deny(allow("*", "*")), object{"BoolIfExists": object{"aws:MultiFactorAuthPresent": "false"}}))...),
			want: createAndInvoke + " (if conditions on aws:MultiFactorAuthPresent are met)"},
		"a condition that is known and fails": {bob: user("bob", allow("lambda:*", "*"), where(allow("iam:PassRole", "*"), object{"StringEquals": object{"iam:PassedToService": "ec2.amazonaws.com"}}))},
		"a condition that is known and holds": {bob: with(user("bob", allow("lambda:*", "*"), where(allow("iam:PassRole", "*"), object{"StringEquals": object{"iam:PassedToService": "lambda.amazonaws.com", "aws:PrincipalTag/Team": "red"}})),
			"Tags", []object{{"Key": "team", "Value": "red"}}), want: createAndInvoke},
		"a trust policy with a condition": {bob: bob(), admin: role("admin", statements(where(object{"Effect": "Allow", "Principal": object{"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}, object{"ArnLike": object{"aws:SourceArn": "arn:aws:lambda:*:*:function:x"}})), admin),
			want: createAndInvoke + " (if conditions on the role's trust policy are met)"},
		"a trust policy for another account's service": {bob: bob(), admin: role("admin", statements(where(object{"Effect": "Allow", "Principal": object{"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}, object{"StringEquals": object{"aws:SourceAccount": "999999999999"}})), admin)},
		"names that do not meet":                       {bob: user("bob", allow("iam:PassRole", "*"), allow("lambda:CreateFunction", "arn:aws:lambda:*:*:function:a-*"), allow("lambda:InvokeFunction", "arn:aws:lambda:*:*:function:b-*"))},
		"names that do":                                {bob: user("bob", allow("iam:PassRole", "*"), allow("lambda:CreateFunction", "arn:aws:lambda:*:*:function:a-*"), allow("lambda:InvokeFunction", "arn:aws:lambda:eu-west-1:*:function:a-b*")), want: createAndInvoke},
		"a variable":                                   {bob: user("bob", allow("iam:PassRole", "arn:aws:iam::123456789012:role/${aws:PrincipalTag/role}"), allow("lambda:*", "*"))},
		"another one":                                  {bob: user("bob", allow("iam:PassRole", "arn:aws:iam::123456789012:role/${saml:sub}"), allow("lambda:*", "*")), want: createAndInvoke + " (if conditions on saml:sub are met)"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.admin == nil {
				c.admin = role("admin", byLambda, admin)
			}
			d := object{"UserDetailList": []object{c.bob}, "RoleDetailList": []object{c.admin}}
			if c.more != nil {
				d["Policies"] = []object{c.more}
			}
			a := parse(t, d)
			if c.scp != nil {
				a.Organization = [][]Document{c.scp}
			}
			got := only(Find(a, ""), "lambda-001")
			if strings.Join(got, "\n") != c.want {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
}

func jsonOf(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func TestChains(t *testing.T) {
	a := parse(t, object{
		"UserDetailList": []object{user("bob", allow("sts:AssumeRole", "*")), user("eve", allow("s3:*", "*"))},
		"RoleDetailList": []object{
			role("deploy", byAccount, allow("iam:PassRole", "arn:aws:iam::123456789012:role/ci"), allow([]string{"codebuild:CreateProject", "codebuild:StartBuild"}, "*")),
			role("ci", trustOf(object{"Service": "codebuild.amazonaws.com"}), allow("iam:PutRolePolicy", "arn:aws:iam::123456789012:role/ci")),
			role("unrelated", trustOf(object{"AWS": "arn:aws:iam::999999999999:root"}), admin),
		},
	})
	r := want(t, a, "",
		"user/bob --sts:AssumeRole--> role/deploy --iam:PassRole+codebuild:CreateProject+codebuild:StartBuild--> role/ci --iam:PutRolePolicy--> role/ci as administrator",
		"role/deploy --iam:PassRole+codebuild:CreateProject+codebuild:StartBuild--> role/ci --iam:PutRolePolicy--> role/ci as administrator",
		"role/deploy --codebuild:StartBuild--> role/ci (if a CodeBuild project has it) --iam:PutRolePolicy--> role/ci as administrator",
		"role/ci --iam:PutRolePolicy--> role/ci as administrator",
	)
	if !slices.Equal(r.Administrators, []string{"arn:aws:iam::123456789012:role/unrelated"}) {
		t.Errorf("administrators %q", r.Administrators)
	}
	want(t, a, "arn:aws:iam::123456789012:role/ci", "role/ci --iam:PutRolePolicy--> role/ci as administrator")
	want(t, a, "arn:aws:iam::123456789012:user/eve")
}

// A boundary holds whoever gives itself everything, until it is taken away.
func TestBoundaryHoldsUntilItIsGone(t *testing.T) {
	scene := func(bounded ...object) *Account {
		return parse(t, object{
			"UserDetailList": []object{with(user("bob", allow("iam:PutUserPolicy", "*")), "PermissionsBoundary", object{"PermissionsBoundaryArn": ownPol})},
			"Policies":       []object{policyOf(ownPol, statements(bounded...))},
		})
	}
	want(t, scene(allow("iam:PutUserPolicy", "*"), allow("s3:*", "*")), "")
	want(t, scene(allow("iam:PutUserPolicy", "*"), allow("iam:DeleteUserPermissionsBoundary", "*")), "",
		"user/bob --iam:PutUserPolicy--> user/bob --iam:DeleteUserPermissionsBoundary--> user/bob as administrator")
	want(t, scene(allow("iam:PutUserPolicy", "*"), where(allow("iam:PutUserPermissionsBoundary", "*"), object{"StringNotEquals": object{"iam:PermissionsBoundary": ownPol}})), "")
}

func TestAUserWhoJoinsAGroupKeepsItsBoundary(t *testing.T) {
	d := object{
		"UserDetailList":  []object{user("bob", allow("iam:AddUserToGroup", "*"))},
		"GroupDetailList": []object{{"Arn": "arn:aws:iam::123456789012:group/admins", "GroupName": "admins", "GroupPolicyList": []object{inlined("p", anything)}}},
		"Policies":        []object{policyOf(ownPol, statements(allow("iam:AddUserToGroup", "*"), allow("s3:*", "*")))},
	}
	want(t, parse(t, d), "", "user/bob --iam:AddUserToGroup--> user/bob as administrator")
	d["UserDetailList"].([]object)[0]["PermissionsBoundary"] = object{"PermissionsBoundaryArn": ownPol}
	want(t, parse(t, d), "")
}

func TestServiceLinkedRolesAreOutOfReach(t *testing.T) {
	linked := role("admin", byLambda, admin)
	linked["Arn"] = "arn:aws:iam::123456789012:role/aws-service-role/lambda.amazonaws.com/admin"
	a := parse(t, object{"UserDetailList": []object{user("bob", append(slices.Clone(passes), allow("iam:Update*", "*"))...)}, "RoleDetailList": []object{linked}})
	want(t, a, "")
}

func TestPower(t *testing.T) {
	power := object{"Effect": "Allow", "NotAction": []string{"iam:*", "organizations:*"}, "Resource": "*"}
	for name, c := range map[string]struct {
		granted []object
		admin   bool
	}{
		"everything":                {[]object{admin}, true},
		"written otherwise":         {[]object{{"Effect": "Allow", "NotAction": "x:y", "Resource": "*"}}, true},
		"everything but one bucket": {[]object{admin, deny(allow("s3:*", "arn:aws:s3:::vault"))}, true},
		"PowerUserAccess":           {[]object{power}, false},
		"all of IAM":                {[]object{allow("iam:*", "*")}, false},
		"nothing in the end":        {[]object{admin, deny(allow("*", "*"))}, false},
	} {
		r := Find(parse(t, object{"UserDetailList": []object{user("bob", c.granted...)}}), "")
		if got := len(r.Administrators) == 1; got != c.admin {
			t.Errorf("%s: administrators %q", name, r.Administrators)
		}
	}
}

func TestAnAdministratorOnCondition(t *testing.T) {
	a := parse(t, object{"UserDetailList": []object{user("bob", where(allow("*", "*"), object{"Bool": object{"aws:MultiFactorAuthPresent": "true"}}))}})
	r := Find(a, "")
	if len(r.Administrators) != 0 || !slices.Contains(r.Notes, "user/bob is an administrator if conditions on aws:MultiFactorAuthPresent are met.") {
		t.Errorf("administrators %q, notes %q", r.Administrators, r.Notes)
	}
}

// The API's form has documents escaped as in a URL; several pages may follow
// one upon the other.
func TestTheFormsOfTheData(t *testing.T) {
	trust, err := json.Marshal(byLambda)
	if err != nil {
		t.Fatal(err)
	}
	escaped := role("admin", nil, admin)
	escaped["AssumeRolePolicyDocument"] = url.PathEscape(string(trust))
	pages := jsonOf(object{"UserDetailList": []object{user("bob", passes...)}, "IsTruncated": true}) + jsonOf(object{"RoleDetailList": []object{escaped}})
	a, err := Read(strings.NewReader(pages))
	if err != nil {
		t.Fatal(err)
	}
	if got := only(Find(a, ""), "lambda-001"); len(got) != 1 {
		t.Errorf("found %v", got)
	}
	for _, text := range []string{"", "{}", "[]", `{"UserDetailList":{}}`, "x", `{"UserDetailList":[{"Arn":"x"}]}`} {
		if _, err := Read(strings.NewReader(text)); err == nil {
			t.Errorf("%q is read", text)
		}
	}
}

func TestWhatIsNotInTheDataIsTold(t *testing.T) {
	u := with(with(user("bob", passes...), "AttachedManagedPolicies", attachment("arn:aws:iam::aws:policy/Nowhere")), "GroupList", []string{"lost"})
	broken := role("broken", object{"Version": "2012-10-17", "Statement": []object{{"Effect": "Maybe"}}})
	broken["RolePolicyList"] = []object{}
	r := Find(parse(t, object{"UserDetailList": []object{u}, "RoleDetailList": []object{broken}}), "")
	notes := strings.Join(r.Notes, "\n")
	for _, part := range []string{"Nowhere, which is not in the data", "the group lost, which is not in the data", "trust policy is no policy that is understood"} {
		if !strings.Contains(notes, part) {
			t.Errorf("no note of %q in\n%s", part, notes)
		}
	}
}

// testdata/account.json is the form of an account as it is met: AWS's managed
// policies, paths, tags, groups, service-linked roles.
func TestAnAccountAsItIsMet(t *testing.T) {
	text, err := os.ReadFile("testdata/account.json")
	if err != nil {
		t.Fatal(err)
	}
	a, err := Read(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	wanted, err := os.ReadFile("testdata/account.txt")
	if err != nil {
		t.Fatal(err)
	}
	r := Find(a, "")
	got := fmt.Sprintf("%s\nadministrators %s\n%s\n", strings.Join(lines(r), "\n"), strings.Join(r.Administrators, " "), strings.Join(r.Notes, "\n"))
	if strings.TrimSpace(got) != strings.TrimSpace(string(wanted)) {
		t.Errorf("found\n%s", got)
	}
}

func FuzzRead(f *testing.F) {
	text, err := os.ReadFile("testdata/account.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text))
	f.Add(jsonOf(object{"UserDetailList": []object{user("bob", passes...)}, "RoleDetailList": []object{role("admin", byLambda, admin)}}))
	f.Fuzz(func(t *testing.T, text string) {
		if a, err := Read(strings.NewReader(text)); err == nil {
			r := Find(a, "")
			for i := range r.Paths {
				_ = r.Paths[i].String()
			}
		}
	})
}
