package ec2

import (
	"slices"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/ec2"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

const mostFlowLogs = 250 // in an account and region

// resourceTypes are what flows can be logged of.
var resourceTypes = map[string]*class{"VPC": vpcs.class, "Subnet": subnets.class, "NetworkInterface": ifaces.class}

func (s *Service) registerFlowLogs() {
	change(s, api.OpCreateFlowLogs, door.Permission(func(c *door.Call, r store.Reader, in *api.CreateFlowLogsRequest) ([]door.Need, error) {
		uses := making(flowLogs.class, nil)
		if of := resourceTypes[val(in.ResourceType)]; of != nil {
			uses = append(uses, each(of, in.ResourceIds)...)
		}
		needs, err := needsOf(c, r, "CreateFlowLogs", uses, in.TagSpecifications)
		if val(in.DeliverLogsPermissionArn) != "" {
			needs = append(needs, door.Need{Action: "iam:PassRole", Resource: *in.DeliverLogsPermissionArn, Context: policy.MapContext{"iam:passedtoservice": {deliverer}}})
		}
		return needs, err
	}), s.createFlowLogs)
	change(s, api.OpDeleteFlowLogs, on("DeleteFlowLogs", func(in *api.DeleteFlowLogsRequest) []use { return each(flowLogs.class, in.FlowLogIds) }), s.deleteFlowLogs)
	show(s, api.OpDescribeFlowLogs, nothing[api.DescribeFlowLogsRequest]("DescribeFlowLogs"), s.describeFlowLogs)
}

func (s *Service) createFlowLogs(c *door.Call, tx *store.Tx, in *api.CreateFlowLogsRequest) (*api.CreateFlowLogsResult, error) {
	l, err := newFlowLog(c, in)
	if err != nil {
		return nil, err
	}
	tags, err := newTags(in.TagSpecifications, flowLogs.class)
	if err != nil {
		return nil, err
	}
	all, err := flowLogs.list(tx, c.Account, c.Region)
	if err != nil {
		return nil, err
	}
	if len(in.ResourceIds) == 0 {
		return nil, missing("ResourceId")
	}
	out := &api.CreateFlowLogsResult{ClientToken: in.ClientToken, FlowLogIds: []string{}, Unsuccessful: []*api.UnsuccessfulItem{}}
	for _, id := range in.ResourceIds {
		if err := checkFlowResource(c, tx, val(in.ResourceType), id); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(all, func(o *flowLog) bool { return o.Resource == id && o.LogGroup == l.LogGroup }) {
			return nil, awsapi.Errorf("FlowLogAlreadyExists", "Error. There is an existing Flow Log with the same configuration and log destination.")
		}
		if len(all) >= mostFlowLogs {
			return nil, awsapi.Errorf("FlowLogsLimitExceeded", "The maximum number of flow logs has been reached.")
		}
		one := l
		one.Head, one.Resource = s.fresh(c, flowLogs.class, "", tags), id
		if err := flowLogs.insert(tx, &one); err != nil {
			return nil, err
		}
		all = append(all, &one)
		out.FlowLogIds = append(out.FlowLogIds, one.ID)
	}
	return out, nil
}

// newFlowLog is what a request asks for, but for its resource.
func newFlowLog(c *door.Call, in *api.CreateFlowLogsRequest) (l flowLog, err error) {
	if kind := val(in.LogDestinationType); kind != "" && kind != "cloud-watch-logs" {
		return l, notHere("Flow logs of this node go to CloudWatch Logs: use the LogDestinationType cloud-watch-logs.")
	}
	if resourceTypes[val(in.ResourceType)] == nil {
		return l, notHere("This node has flow logs of a VPC, a Subnet or a NetworkInterface.")
	}
	l = flowLog{Traffic: val(in.TrafficType), LogGroup: val(in.LogGroupName), Role: val(in.DeliverLogsPermissionArn), Format: val(in.LogFormat), Interval: 600}
	if in.MaxAggregationInterval != nil {
		l.Interval = *in.MaxAggregationInterval
	}
	if l.LogGroup == "" && val(in.LogDestination) != "" {
		parts := strings.Split(*in.LogDestination, ":")
		if len(parts) < 7 || parts[2] != "logs" || parts[3] != c.Region || parts[4] != c.Account || parts[5] != "log-group" {
			return l, badValue("LogDestination is not the ARN of a log group of this account and region.")
		}
		l.LogGroup = parts[6]
	}
	switch {
	case l.Traffic == "":
		return l, missing("TrafficType")
	case l.LogGroup == "":
		return l, missing("LogGroupName")
	case l.Role == "":
		return l, missing("DeliverLogsPermissionArn")
	case !strings.HasPrefix(l.Role, "arn:aws:iam::"+c.Account+":role/"):
		return l, badValue("DeliverLogsPermissionArn is not the ARN of a role of this account.")
	case l.Interval != 60 && l.Interval != 600:
		return l, badValue("Invalid Flow Log Max Aggregation Interval")
	}
	if l.Format == "" {
		l.Format = defaultFormat
	}
	_, err = parseFormat(l.Format)
	return l, err
}

func checkFlowResource(c *door.Call, r store.Reader, kind, id string) error {
	of := resourceTypes[kind]
	if err := of.checkID(id); err != nil {
		return err
	}
	if _, err := of.get(r, store.K(c.Account, c.Region, id)); err != nil {
		return of.none(id)
	}
	return nil
}

func (s *Service) deleteFlowLogs(c *door.Call, tx *store.Tx, in *api.DeleteFlowLogsRequest) (*api.DeleteFlowLogsResult, error) {
	out := &api.DeleteFlowLogsResult{Unsuccessful: []*api.UnsuccessfulItem{}}
	for _, id := range in.FlowLogIds {
		l, err := flowLogs.find(c, tx, id)
		if err != nil {
			return nil, err
		}
		if err := flowLogs.remove(tx, l); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s *Service) describeFlowLogs(c *door.Call, r store.Reader, in *api.DescribeFlowLogsRequest) (*api.DescribeFlowLogsResult, error) {
	page, next, err := flowLogs.ask(c, r, query{in.FlowLogIds, in.Filter, in.MaxResults, in.NextToken}, fields[*flowLog]{
		"flow-log-id":          one(func(l *flowLog) string { return l.ID }),
		"log-group-name":       one(func(l *flowLog) string { return l.LogGroup }),
		"log-destination-type": one(func(*flowLog) string { return "cloud-watch-logs" }),
		"resource-id":          one(func(l *flowLog) string { return l.Resource }),
		"traffic-type":         one(func(l *flowLog) string { return l.Traffic }),
		"deliver-log-status":   one(func(l *flowLog) string { return s.delivery.status(l.ID) }),
	})
	out := &api.DescribeFlowLogsResult{NextToken: next, FlowLogs: []*api.FlowLog{}}
	for _, l := range page {
		out.FlowLogs = append(out.FlowLogs, s.wireFlowLog(l))
	}
	return out, err
}

func (s *Service) wireFlowLog(l *flowLog) *api.FlowLog {
	status := s.delivery.status(l.ID)
	out := &api.FlowLog{FlowLogId: ptr(l.ID), FlowLogStatus: ptr("ACTIVE"), CreationTime: ptr(l.Created), ResourceId: ptr(l.Resource), TrafficType: ptr(l.Traffic),
		LogDestinationType: ptr("cloud-watch-logs"), LogGroupName: ptr(l.LogGroup), DeliverLogsPermissionArn: ptr(l.Role), LogFormat: ptr(l.Format),
		DeliverLogsStatus: ptr(status), MaxAggregationInterval: ptr(l.Interval), Tags: wireTags(l.Tags)}
	if status == failedDelivery {
		out.DeliverLogsErrorMessage = ptr("Access error")
	}
	return out
}
