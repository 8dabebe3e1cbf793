package iam

import (
	"bytes"
	"encoding/csv"
	"errors"
	"net/http"
	"sort"
	"strconv"
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/iam"
	"cloister/internal/door"
	"cloister/internal/store"
)

// reportAge is how long a credential report counts: until then it is given
// again, and afterwards not at all
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html).
const reportAge = 4 * time.Hour

// reportColumns are the first line of a report.
var reportColumns = []string{
	"user", "arn", "user_creation_time",
	"password_enabled", "password_last_used", "password_last_changed", "password_next_rotation", "mfa_active",
	"access_key_1_active", "access_key_1_last_rotated", "access_key_1_last_used_date", "access_key_1_last_used_region", "access_key_1_last_used_service",
	"access_key_2_active", "access_key_2_last_rotated", "access_key_2_last_used_date", "access_key_2_last_used_region", "access_key_2_last_used_service",
	"cert_1_active", "cert_1_last_rotated", "cert_2_active", "cert_2_last_rotated",
}

func (s *Service) registerCredentialReport(d *door.Door) {
	door.Write(d, api.OpGenerateCredentialReport, everything[awsapi.None]("iam:GenerateCredentialReport"), s.generateCredentialReport)
	door.Read(d, api.OpGetCredentialReport, everything[awsapi.None]("iam:GetCredentialReport"), s.getCredentialReport)
}

func reportGone(code, message string) *awsapi.Error {
	e := awsapi.Errorf(code, "%s", message)
	e.Status = http.StatusGone
	return e
}

// generateCredentialReport makes the report before it answers that it has
// begun: there is nothing left to wait for.
func (s *Service) generateCredentialReport(c *door.Call, tx *store.Tx, _ *awsapi.None) (*api.GenerateCredentialReportResponse, error) {
	kept, err := credentialReports.Get(tx, store.K(c.Account))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	if kept != nil && c.Time.Sub(kept.Generated) <= reportAge {
		return &api.GenerateCredentialReportResponse{State: str(api.ReportStateTypeComplete)}, nil
	}
	text, err := s.credentialReport(tx, c.Account)
	if err != nil {
		return nil, err
	}
	out := &api.GenerateCredentialReportResponse{State: str(api.ReportStateTypeStarted)}
	if kept == nil {
		out.Description = str("No report exists. Starting a new report generation task")
	}
	return out, credentialReports.Put(tx, store.K(c.Account), &credentialReport{Text: text, Generated: second(c.Time)})
}

func (s *Service) getCredentialReport(c *door.Call, r store.Reader, _ *awsapi.None) (*api.GetCredentialReportResponse, error) {
	kept, err := credentialReports.Get(r, store.K(c.Account))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, reportGone("ReportNotPresent", "Unknown") // AWS's own word
	case err != nil:
		return nil, err
	case c.Time.Sub(kept.Generated) > reportAge:
		return nil, reportGone("ReportExpired", "The report is older than four hours. Generate another one.")
	}
	return &api.GetCredentialReportResponse{Content: kept.Text, ReportFormat: str(api.ReportFormatTypeTextCsv), GeneratedTime: &kept.Generated}, nil
}

// credentialReport is the report as it stands now: the root user, and then the
// users by name. Its lines are parted, not ended, as AWS's are.
func (s *Service) credentialReport(r store.Reader, account string) ([]byte, error) {
	rows := [][]string{reportColumns}
	root, err := s.rootRow(r, account)
	if err != nil {
		return nil, err
	}
	rows = append(rows, root)
	all, err := userKind.all(r, account)
	if err != nil {
		return nil, err
	}
	set, err := settingsOf(r, account)
	if err != nil {
		return nil, err
	}
	for _, u := range all {
		row, err := s.userRow(r, u, set.Passwords)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	var out bytes.Buffer
	if err := csv.NewWriter(&out).WriteAll(rows); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

const (
	notApplicable = "N/A"
	notSupported  = "not_supported"
	noInformation = "no_information" // nothing says when a password was used
)

func (s *Service) rootRow(r store.Reader, account string) ([]string, error) {
	row := []string{"<root_account>", rootARN(account), shownTime(*describeRoot(account).CreateDate),
		"false", notApplicable, notApplicable, notSupported}
	held, err := devicesOf(r, account, account)
	if err != nil {
		return nil, err
	}
	row = append(row, strconv.FormatBool(len(held) > 0))
	var keys []*accessKey
	if account == s.account {
		keys = []*accessKey{{ID: s.root.Principal.AccessKeyID}}
	}
	return s.withKeys(r, row, keys)
}

func (s *Service) userRow(r store.Reader, u *user, passwords *passwordPolicy) ([]string, error) {
	row := []string{u.Name, userKind.arn(u), shownTime(u.Created)}
	p, err := loginOf(r, u)
	if err != nil && !absent(err) {
		return nil, err
	}
	row = append(row, passwordColumns(p, passwords)...)
	held, err := devicesOf(r, u.Account, u.ID)
	if err != nil {
		return nil, err
	}
	row = append(row, strconv.FormatBool(len(held) > 0))
	keys, err := keysOf(r, u)
	if err != nil {
		return nil, err
	}
	sort.Slice(keys, func(i, j int) bool { return keys[i].ID < keys[j].ID })
	return s.withKeys(r, row, keys)
}

func passwordColumns(p *loginProfile, policy *passwordPolicy) []string {
	if p == nil {
		return []string{"false", notApplicable, notApplicable, notApplicable}
	}
	changed, next := p.changed(), notApplicable
	if policy != nil && policy.MaxAge > 0 {
		next = shownTime(changed.Add(time.Duration(policy.MaxAge) * 24 * time.Hour))
	}
	return []string{"true", noInformation, shownTime(changed), next}
}

// withKeys adds the columns of two access keys, and of the certificates that
// nobody has here.
func (s *Service) withKeys(r store.Reader, row []string, keys []*accessKey) ([]string, error) {
	for i := range keysPerUser {
		if i >= len(keys) {
			row = append(row, "false", notApplicable, notApplicable, notApplicable, notApplicable)
			continue
		}
		use, err := s.lastUse(r, keys[i].ID)
		if err != nil {
			return nil, err
		}
		row = append(row, strconv.FormatBool(!keys[i].Inactive), shownTime(keys[i].Created))
		if use == nil {
			row = append(row, notApplicable, notApplicable, notApplicable)
			continue
		}
		row = append(row, shownTime(use.At), use.Region, use.Service)
	}
	return append(row, "false", notApplicable, "false", notApplicable), nil
}

// shownTime is "N/A" for a time that is not known.
func shownTime(t time.Time) string {
	if t.IsZero() {
		return notApplicable
	}
	return t.UTC().Format(time.RFC3339)
}
