package iam

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/iam"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy/catalog"
)

// accessReportKept is how long a report of last accesses can be asked for.
const accessReportKept = 7 * 24 * time.Hour

func (s *Service) registerLastAccessed(d *door.Door) {
	s.door = d
	door.Write(d, api.OpGenerateServiceLastAccessedDetails, onARN("iam:GenerateServiceLastAccessedDetails",
		func(in *api.GenerateServiceLastAccessedDetailsRequest) *string { return in.Arn }), s.generateLastAccessed)
	door.Read(d, api.OpGetServiceLastAccessedDetails,
		everything[api.GetServiceLastAccessedDetailsRequest]("iam:GetServiceLastAccessedDetails"), s.getLastAccessed)
	door.Read(d, api.OpGetServiceLastAccessedDetailsWithEntities,
		everything[api.GetServiceLastAccessedDetailsWithEntitiesRequest]("iam:GetServiceLastAccessedDetailsWithEntities"), s.getLastAccessedWithEntities)
}

// generateLastAccessed makes the report before it answers: what is in it is
// what the policies and the attempts are now
// (https://docs.aws.amazon.com/IAM/latest/APIReference/API_GenerateServiceLastAccessedDetails.html).
func (s *Service) generateLastAccessed(c *door.Call, tx *store.Tx, in *api.GenerateServiceLastAccessedDetailsRequest) (*api.GenerateServiceLastAccessedDetailsResponse, error) {
	id, err := s.identityOf(tx, c.Account, awsapi.Val(in.Arn))
	if err != nil {
		return nil, err
	}
	report := &accessReport{Owner: reporter(c.Principal), Made: second(c.Time), Actions: awsapi.Val(in.Granularity) == api.AccessAdvisorUsageGranularityTypeActionLevel}
	tried, err := s.attemptsOfAll(tx, id, c.Time)
	if err != nil {
		return nil, err
	}
	for _, d := range id.doers {
		report.Doers = append(report.Doers, accessDoer{ARN: d.arn, Name: d.name, Kind: d.kind, ID: d.entity, Path: d.path})
	}
	tracked := s.tracked()
	for _, prefix := range catalog.Prefixes() {
		service, _ := catalog.Find(prefix)
		if id.grantsAny(service) {
			report.Services = append(report.Services, serviceAccess(id, service, tried, report.Actions && tracked[prefix]))
		}
	}
	job := uuid.NewString()
	return &api.GenerateServiceLastAccessedDetailsResponse{JobId: &job}, accessReports.Insert(tx, store.K(c.Account, job), report)
}

// tracked are the services whose actions are told of one by one: those that are
// here, by prefix.
func (s *Service) tracked() map[string]bool {
	all := map[string]bool{}
	for _, op := range s.door.Operations() {
		all[op.Operation.Service.SigningName] = true
	}
	return all
}

// reporter is who may read a report: the user, or any session of the role, that
// asked for it.
func reporter(p *door.Principal) string { return entityID(p) }

// attemptsOfAll are the attempts of everybody who acts by an identity, in their
// order, by service and action.
func (s *Service) attemptsOfAll(r store.Reader, id *identity, now time.Time) ([]map[string]map[string]attempt, error) {
	var all []map[string]map[string]attempt
	for _, d := range id.doers {
		tried, err := s.attemptsOf(r, d.actor)
		if err != nil {
			return nil, err
		}
		byService := map[string]map[string]attempt{}
		for action, done := range tried {
			if now.Sub(done.At) > actsKept {
				continue
			}
			prefix, name, _ := strings.Cut(action, ":")
			if byService[prefix] == nil {
				byService[prefix] = map[string]attempt{}
			}
			byService[prefix][name] = done
		}
		all = append(all, byService)
	}
	return all, nil
}

// serviceAccess is what an identity's doers tried of a service; each action that
// it allows is told of alone where actions are tracked.
func serviceAccess(id *identity, service *catalog.Service, tried []map[string]map[string]attempt, actions bool) accessedService {
	out := accessedService{Prefix: service.Prefix}
	for i := range tried {
		latest := attempt{}
		for _, done := range tried[i][service.Prefix] {
			if done.At.After(latest.At) {
				latest = done
			}
		}
		if !latest.At.IsZero() {
			out.Uses = append(out.Uses, access{Doer: i, attempt: latest})
		}
	}
	if !actions {
		return out
	}
	for _, a := range service.Actions {
		if !id.mayDo(service.Prefix + ":" + a.Name) {
			continue
		}
		tracked := accessedAction{Name: a.Name, Use: access{Doer: -1}}
		for i := range tried {
			if done, ok := tried[i][service.Prefix][a.Name]; ok && done.At.After(tracked.Use.At) {
				tracked.Use = access{Doer: i, attempt: done}
			}
		}
		out.Actions = append(out.Actions, tracked)
	}
	return out
}

// findAccessReport reads a report for who asked for it. To others it does not
// exist.
func findAccessReport(c *door.Call, r store.Reader, job *string) (*accessReport, error) {
	report, err := accessReports.Get(r, store.K(c.Account, awsapi.Val(job)))
	if errors.Is(err, store.ErrNotFound) || err == nil && report.Owner != reporter(c.Principal) {
		return nil, noSuchEntity("The job with id %s cannot be found.", awsapi.Val(job))
	}
	return report, err
}

func (s *Service) getLastAccessed(c *door.Call, r store.Reader, in *api.GetServiceLastAccessedDetailsRequest) (*api.GetServiceLastAccessedDetailsResponse, error) {
	report, err := findAccessReport(c, r, in.JobId)
	if err != nil {
		return nil, err
	}
	page, err := paginate(report.Services, func(a accessedService) string { return a.Prefix }, in.Marker, in.MaxItems)
	kind := api.AccessAdvisorUsageGranularityTypeServiceLevel
	if report.Actions {
		kind = api.AccessAdvisorUsageGranularityTypeActionLevel
	}
	return &api.GetServiceLastAccessedDetailsResponse{
		JobStatus: str(api.JobStatusTypeCompleted), JobType: str(kind), JobCreationDate: &report.Made, JobCompletionDate: &report.Made,
		ServicesLastAccessed: each(page.items, report.describe), IsTruncated: page.truncated, Marker: page.marker,
	}, err
}

func (report *accessReport) describe(a accessedService) *api.ServiceLastAccessed {
	out := &api.ServiceLastAccessed{
		ServiceName: str(nameOfService(a.Prefix)), ServiceNamespace: str(a.Prefix),
		TotalAuthenticatedEntities: awsapi.Ptr(int64(len(a.Uses))),
	}
	if len(a.Uses) > 0 {
		last := slices.MaxFunc(a.Uses, func(x, y access) int { return x.At.Compare(y.At) })
		out.LastAuthenticated, out.LastAuthenticatedRegion, out.LastAuthenticatedEntity = &last.At, str(last.Region), str(report.Doers[last.Doer].ARN)
	}
	for _, action := range a.Actions {
		shown := &api.TrackedActionLastAccessed{ActionName: str(action.Name)}
		if use := action.Use; use.Doer >= 0 {
			shown.LastAccessedTime, shown.LastAccessedRegion, shown.LastAccessedEntity = &use.At, str(use.Region), str(report.Doers[use.Doer].ARN)
		}
		out.TrackedActionsLastAccessed = append(out.TrackedActionsLastAccessed, shown)
	}
	return out
}

// getLastAccessedWithEntities lists who acts by what the report is about, who
// tried something of the service last first
// (https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetServiceLastAccessedDetailsWithEntities.html).
func (s *Service) getLastAccessedWithEntities(c *door.Call, r store.Reader, in *api.GetServiceLastAccessedDetailsWithEntitiesRequest) (*api.GetServiceLastAccessedDetailsWithEntitiesResponse, error) {
	report, err := findAccessReport(c, r, in.JobId)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(report.Services, func(a accessedService) bool { return a.Prefix == strings.ToLower(awsapi.Val(in.ServiceNamespace)) })
	if i < 0 {
		return nil, noSuchEntity("The report says nothing of the service namespace %s.", awsapi.Val(in.ServiceNamespace))
	}
	page, err := paginate(report.entities(report.Services[i].Uses), entityAccess.key, in.Marker, in.MaxItems)
	return &api.GetServiceLastAccessedDetailsWithEntitiesResponse{
		JobStatus: str(api.JobStatusTypeCompleted), JobCreationDate: &report.Made, JobCompletionDate: &report.Made,
		EntityDetailsList: each(page.items, entityAccess.describe), IsTruncated: page.truncated, Marker: page.marker,
	}, err
}

// entityAccess is when, if ever, somebody tried something of a service.
type entityAccess struct {
	accessDoer
	at time.Time
}

// key sorts the latest first, and who never tried last.
func (e entityAccess) key() string {
	return time.Unix(1<<36-e.at.Unix(), 0).UTC().Format("20060102150405") + " " + e.ID
}

func (e entityAccess) describe() *api.EntityDetails {
	out := &api.EntityDetails{EntityInfo: &api.EntityInfo{Arn: str(e.ARN), Name: str(e.Name), Type: str(e.Kind), Id: str(e.ID), Path: str(e.Path)}}
	if !e.at.IsZero() {
		out.LastAuthenticated = &e.at
	}
	return out
}

func (report *accessReport) entities(uses []access) []entityAccess {
	var all []entityAccess
	for i, d := range report.Doers {
		e := entityAccess{accessDoer: d}
		for _, use := range uses {
			if use.Doer == i {
				e.at = use.At
			}
		}
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b entityAccess) int { return cmp.Compare(a.key(), b.key()) })
	return all
}

// serviceNames are the names of services that functions use, as AWS's pages have
// them; of another the namespace stands for it.
var serviceNames = map[string]string{
	"access-analyzer": "AWS IAM Access Analyzer", "apigateway": "Amazon API Gateway", "cloudformation": "AWS CloudFormation",
	"cloudwatch": "Amazon CloudWatch", "dynamodb": "Amazon DynamoDB", "ec2": "Amazon EC2", "events": "Amazon EventBridge",
	"iam": "AWS Identity and Access Management", "kinesis": "Amazon Kinesis Data Streams", "kms": "AWS Key Management Service",
	"lambda": "AWS Lambda", "logs": "Amazon CloudWatch Logs", "organizations": "AWS Organizations", "s3": "Amazon S3",
	"scheduler": "Amazon EventBridge Scheduler", "secretsmanager": "AWS Secrets Manager", "sns": "Amazon SNS", "sqs": "Amazon SQS",
	"ssm": "AWS Systems Manager", "states": "AWS Step Functions", "sts": "AWS Security Token Service", "xray": "AWS X-Ray",
}

func nameOfService(prefix string) string {
	if name, ok := serviceNames[prefix]; ok {
		return name
	}
	return prefix
}
