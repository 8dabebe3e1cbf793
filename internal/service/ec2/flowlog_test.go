package ec2

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/ec2"
	logsapi "cloister/internal/awsapi/logs"
	stsapi "cloister/internal/awsapi/sts"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
	"cloister/internal/netpolicy"
)

// logged is a network with a CloudWatch Logs and an STS of the test's.
type logged struct {
	*network
	lines   map[string][]string // by group and stream
	assumed []string            // who took which role, for what
	trusts  bool
}

func newLogged(t *testing.T) *logged {
	l := &logged{network: newNetwork(t), lines: map[string][]string{}, trusts: true}
	door.Act(l.Door, stsapi.OpAssumeRole, door.SignedOnly[stsapi.AssumeRoleRequest](), func(c *door.Call, in *stsapi.AssumeRoleRequest) (*stsapi.AssumeRoleResponse, error) {
		l.assumed = append(l.assumed, c.Principal.Service+" "+*in.RoleArn+" "+c.Region)
		if !l.trusts {
			return nil, awsapi.Errorf("AccessDenied", "no")
		}
		l.Users.SetKey("ASIAFLOW", &door.Credential{Principal: l.Role("flow", "session", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"logs:*","Resource":"*"}}`)})
		return &stsapi.AssumeRoleResponse{Credentials: &stsapi.Credentials{AccessKeyId: ptr("ASIAFLOW"), SecretAccessKey: ptr("s"), SessionToken: ptr("t")}}, nil
	})
	group := func(_ *door.Call, name *string) string {
		return "arn:aws:logs:us-east-1:123456789012:log-group:" + *name
	}
	door.Act(l.Door, logsapi.OpCreateLogGroup, door.On("logs:CreateLogGroup", func(c *door.Call, in *logsapi.CreateLogGroupRequest) string { return group(c, in.LogGroupName) }),
		func(*door.Call, *logsapi.CreateLogGroupRequest) (*awsapi.None, error) { return nil, nil })
	door.Act(l.Door, logsapi.OpCreateLogStream, door.On("logs:CreateLogStream", func(c *door.Call, in *logsapi.CreateLogStreamRequest) string { return group(c, in.LogGroupName) }),
		func(_ *door.Call, in *logsapi.CreateLogStreamRequest) (*awsapi.None, error) {
			l.lines[*in.LogGroupName+" "+*in.LogStreamName] = []string{}
			return nil, nil
		})
	door.Act(l.Door, logsapi.OpPutLogEvents, door.On("logs:PutLogEvents", func(c *door.Call, in *logsapi.PutLogEventsRequest) string { return group(c, in.LogGroupName) }),
		func(_ *door.Call, in *logsapi.PutLogEventsRequest) (*logsapi.PutLogEventsResponse, error) {
			at := *in.LogGroupName + " " + *in.LogStreamName
			if l.lines[at] == nil {
				return nil, awsapi.Errorf("ResourceNotFoundException", "The specified log stream does not exist.")
			}
			for _, e := range in.LogEvents {
				l.lines[at] = append(l.lines[at], *e.Message)
			}
			return &logsapi.PutLogEventsResponse{}, nil
		})
	return l
}

func (l *logged) request(resource, traffic string) *api.CreateFlowLogsRequest {
	kind := map[bool]string{true: "Subnet", false: "VPC"}[strings.HasPrefix(resource, "subnet")]
	return &api.CreateFlowLogsRequest{ResourceIds: []string{resource}, ResourceType: &kind, TrafficType: &traffic, LogGroupName: ptr("flows"),
		DeliverLogsPermissionArn: ptr("arn:aws:iam::123456789012:role/flow")}
}

func (l *logged) flow(allowed bool, received int64) Flow {
	v := netpolicy.Verdict{Reason: netpolicy.ReasonName, Rule: "sgr-1"}
	if allowed {
		v = netpolicy.Verdict{Allowed: true, Reason: netpolicy.ReasonAllowed, Rule: "sgr-1"}
	}
	return Flow{Account: doortest.Account, Region: doortest.Region, Interface: "eni-12345678", Subnet: l.subnet, Protocol: 6,
		Local: netip.MustParseAddrPort("172.31.0.4:40000"), Remote: netip.MustParseAddrPort("8.8.8.8:443"), Verdict: v,
		Began: start, Ended: start.Add(time.Second), Sent: 100, Received: received, Writes: 2, Reads: 3}
}

func TestFlowLogs(t *testing.T) {
	l := newLogged(t)
	do(l.harness, api.OpCreateFlowLogs, l.request(l.subnet, "ALL"))
	rejects := l.request(fixedID("vpc", doortest.Account, doortest.Region), "REJECT")
	rejects.LogFormat = ptr("${vpc-id} ${action} ${cloister-reason} ${cloister-rule} ${flow-direction}")
	do(l.harness, api.OpCreateFlowLogs, rejects)
	l.service.Record(l.flow(true, 50))
	l.service.Record(l.flow(true, 0))
	l.service.Record(l.flow(false, 0))
	elsewhere := l.flow(false, 0)
	elsewhere.Account = "210987654321"
	l.service.Record(elsewhere)
	l.service.deliver(t.Context())
	want := []string{
		"2 123456789012 eni-12345678 172.31.0.4 8.8.8.8 40000 443 6 2 100 1767323045 1767323046 ACCEPT OK allowed",
		"2 123456789012 eni-12345678 8.8.8.8 172.31.0.4 443 40000 6 3 50 1767323045 1767323046 ACCEPT OK allowed",
		"2 123456789012 eni-12345678 172.31.0.4 8.8.8.8 40000 443 6 2 100 1767323045 1767323046 ACCEPT OK allowed",
		"2 123456789012 eni-12345678 172.31.0.4 8.8.8.8 40000 443 6 2 100 1767323045 1767323046 REJECT OK name",
	}
	if got := l.lines["flows eni-12345678-all"]; !slices.Equal(got, want) {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
	if got := l.lines["flows eni-12345678-reject"]; !slices.Equal(got, []string{fixedID("vpc", doortest.Account, doortest.Region) + " REJECT name sgr-1 egress"}) {
		t.Errorf("%q", got)
	}
	for _, who := range l.assumed {
		if who != "vpc-flow-logs.amazonaws.com arn:aws:iam::123456789012:role/flow us-east-1" {
			t.Errorf("the role was taken by %s", who)
		}
	}
}

// A role that does not let flow logs in has them fail, and says so.
func TestFlowLogThatCannotBeDelivered(t *testing.T) {
	l := newLogged(t)
	l.trusts = false
	do(l.harness, api.OpCreateFlowLogs, l.request(l.subnet, "ALL"))
	l.service.Record(l.flow(true, 0))
	l.service.deliver(t.Context())
	out := do(l.harness, api.OpDescribeFlowLogs, &api.DescribeFlowLogsRequest{})
	if f := out.FlowLogs[0]; *f.DeliverLogsStatus != "FAILED" || *f.DeliverLogsErrorMessage != "Access error" || len(l.lines) > 0 {
		t.Errorf("%+v, %v", f, l.lines)
	}
	l.trusts = true
	l.service.Record(l.flow(true, 0))
	l.service.deliver(t.Context())
	if f := do(l.harness, api.OpDescribeFlowLogs, &api.DescribeFlowLogsRequest{}).FlowLogs[0]; *f.DeliverLogsStatus != "SUCCESS" {
		t.Errorf("%+v", f)
	}
}

func TestFlowsThatWaitAreBounded(t *testing.T) {
	l := newLogged(t)
	for range mostWaiting + 7 {
		l.service.Record(Flow{})
	}
	if flows, lost := l.service.delivery.take(); len(flows) != mostWaiting || lost != 7 {
		t.Errorf("%d wait, %d lost", len(flows), lost)
	}
}

func TestPassRoleOfFlowLogs(t *testing.T) {
	l := newLogged(t)
	who := l.User("u", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ec2:*","Resource":"*"}}`)
	if _, err := try(l.harness, who, api.OpCreateFlowLogs, l.request(l.subnet, "ALL")); err == nil || !strings.Contains(err.Error(), "iam:PassRole") {
		t.Errorf("%v", err)
	}
}
