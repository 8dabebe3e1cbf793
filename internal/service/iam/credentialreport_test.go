package iam

import (
	"encoding/csv"
	"regexp"
	"strings"
	"testing"
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/iam"
)

var reportTime = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)

// report generates a report and gives its lines, times as <time>.
func (h *harness) report() []string {
	h.t.Helper()
	do(h, h.root(), api.OpGenerateCredentialReport, &awsapi.None{})
	text := string(do(h, h.root(), api.OpGetCredentialReport, &awsapi.None{}).Content)
	if _, err := csv.NewReader(strings.NewReader(text)).ReadAll(); err != nil {
		h.t.Fatal(err)
	}
	return strings.Split(reportTime.ReplaceAllString(text, "<time>"), "\n")
}

func TestCredentialReport(t *testing.T) {
	h := newHarness(t)
	do(h, h.root(), api.OpUpdateAccountPasswordPolicy, &api.UpdateAccountPasswordPolicyRequest{MaxPasswordAge: awsapi.Ptr(int64(90))})
	mfaUser(h, "alice")
	bob := "bob,the=2nd" // what a name may hold
	do(h, h.root(), api.OpCreateUser, &api.CreateUserRequest{UserName: &bob, Path: str("/staff/")})
	do(h, h.root(), api.OpCreateLoginProfile, &api.CreateLoginProfileRequest{UserName: &bob, Password: str("correct horse 1A!")})
	used := do(h, h.root(), api.OpCreateAccessKey, &api.CreateAccessKeyRequest{UserName: str("alice")}).AccessKey
	off := do(h, h.root(), api.OpCreateAccessKey, &api.CreateAccessKeyRequest{UserName: str("alice")}).AccessKey
	do(h, h.root(), api.OpUpdateAccessKey, &api.UpdateAccessKeyRequest{UserName: str("alice"), AccessKeyId: off.AccessKeyId, Status: str(api.StatusTypeInactive)})
	h.iam.Used(*used.AccessKeyId, "lambda", "eu-central-1", time.Now())
	h.iam.Used(rootKeyID, "iam", "us-east-1", time.Now())
	h.must(h.iam.flush(t.Context()))
	keys := "true,<time>,<time>,eu-central-1,lambda,false,<time>,N/A,N/A,N/A"
	if *used.AccessKeyId > *off.AccessKeyId {
		keys = "false,<time>,N/A,N/A,N/A,true,<time>,<time>,eu-central-1,lambda"
	}
	want := []string{
		"user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active," +
			"access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service," +
			"access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service," +
			"cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated",
		"<root_account>,arn:aws:iam::123456789012:root,<time>,false,N/A,N/A,not_supported,false,true,N/A,<time>,us-east-1,iam,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A",
		"alice,arn:aws:iam::123456789012:user/alice,<time>,false,N/A,N/A,N/A,true," + keys + ",false,N/A,false,N/A",
		`"bob,the=2nd","arn:aws:iam::123456789012:user/staff/bob,the=2nd",<time>,true,no_information,<time>,<time>,false,false,N/A,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A`,
	}
	got := h.report()
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Fatalf("line %d of\n%s\nwant\n%s", i+1, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// A report counts for four hours: until then it is given again, then it is gone.
func TestCredentialReportAges(t *testing.T) {
	h := newHarness(t)
	get := func() string { return try(h, h.root(), api.OpGetCredentialReport, &awsapi.None{}) }
	generate := func(want string) {
		t.Helper()
		if got := do(h, h.root(), api.OpGenerateCredentialReport, &awsapi.None{}); *got.State != want {
			t.Errorf("generating says %s, want %s", *got.State, want)
		}
	}
	if got := get(); got != "ReportNotPresent" {
		t.Errorf("before the first: %q", got)
	}
	generate("STARTED")
	generate("COMPLETE")
	do(h, h.root(), api.OpCreateUser, &api.CreateUserRequest{UserName: str("late")})
	generate("COMPLETE")
	if n := len(h.report()); n != 2 {
		t.Errorf("the report has %d lines: it was made again", n)
	}
	h.skew(reportAge + time.Second)
	if got := get(); got != "ReportExpired" {
		t.Errorf("after four hours: %q", got)
	}
	generate("STARTED")
	if n := len(h.report()); n != 3 {
		t.Errorf("the new report has %d lines", n)
	}
}

func TestTokenPreferences(t *testing.T) {
	h := newHarness(t)
	version := func() int64 {
		return do(h, h.root(), api.OpGetAccountSummary, &awsapi.None{}).SummaryMap["GlobalEndpointTokenVersion"]
	}
	for preference, want := range map[string]int64{"v1Token": 1, "v2Token": 2} {
		do(h, h.root(), api.OpSetSecurityTokenServicePreferences, &api.SetSecurityTokenServicePreferencesRequest{GlobalEndpointTokenVersion: &preference})
		if got := version(); got != want {
			t.Errorf("after %s the version is %d", preference, got)
		}
	}
}

// Every service of the table has a name that a role may have.
func TestServiceLinkedTable(t *testing.T) {
	roles := map[string]string{}
	for service, linked := range linkedServices {
		if !strings.HasPrefix(linked.role, "AWSServiceRoleFor") || len(linked.role) > 64 || roles[linked.role] != "" {
			t.Errorf("%s has the role %q, as has %q", service, linked.role, roles[linked.role])
		}
		roles[linked.role] = service
	}
}
