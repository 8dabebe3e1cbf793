package logs

import (
	"errors"
	"slices"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/logs"
	"cloister/internal/door"
	"cloister/internal/store"
)

var none = &awsapi.None{}

func needsOfCreateGroup(c *door.Call, r store.Reader, in *api.CreateLogGroupRequest) ([]door.Need, error) {
	need, err := groupNeed(r, "logs:CreateLogGroup", groupID{c.Account, c.Region, val(in.LogGroupName)})
	if err == nil {
		addRequestTags(need.Context, in.Tags)
	}
	return []door.Need{need}, err
}

func (s *Service) createGroup(c *door.Call, in *api.CreateLogGroupRequest) (*awsapi.None, error) {
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	g := groupID{c.Account, c.Region, val(in.LogGroupName)}
	key, err := s.tryKey(c, g, val(in.KmsKeyId))
	if err != nil {
		return nil, err
	}
	return none, c.Commit(func(tx *store.Tx) error {
		err := groups.Insert(tx, g.key(), &group{
			Name: g.Name, Created: c.Time.UnixMilli(), Class: or(in.LogGroupClass, "STANDARD"),
			Tags: in.Tags, Protected: val(in.DeletionProtectionEnabled), KMSKey: key.customer(),
		})
		if errors.Is(err, store.ErrExists) {
			return awsapi.Errorf("ResourceAlreadyExistsException", "The specified log group already exists")
		}
		return errors.Join(err, key.store(tx, g))
	})
}

func (s *Service) deleteGroup(c *door.Call, tx *store.Tx, in *api.DeleteLogGroupRequest) (*awsapi.None, error) {
	g, row, err := findGroup(c, tx, in.LogGroupName, nil)
	if err != nil {
		return nil, err
	}
	if row.Protected {
		return nil, awsapi.Errorf("ValidationException", "The log group is protected against deletion.")
	}
	var names []string
	for item, err := range streams.Scan(tx, g.key(), nil) {
		if err != nil {
			return nil, err
		}
		names = append(names, item.Value.Name)
	}
	for _, name := range names {
		if err := s.removeStream(tx, g, name); err != nil {
			return nil, err
		}
	}
	return none, errors.Join(deleteKeys(tx, g), groups.Delete(tx, g.key()))
}

// findGroup is the group that a name or an ARN names.
func findGroup(c *door.Call, r store.Reader, name, arn *string) (groupID, *group, error) {
	g, err := parseGroup(c, name, arn)
	if err != nil {
		return g, nil, err
	}
	row, err := groups.Get(r, g.key())
	return g, row, or404(err, noGroup())
}

func (s *Service) describeGroups(c *door.Call, r store.Reader, in *api.DescribeLogGroupsRequest) (*api.DescribeLogGroupsResponse, error) {
	if val(in.LogGroupNamePrefix) != "" && val(in.LogGroupNamePattern) != "" {
		return nil, invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
	}
	out := &api.DescribeLogGroupsResponse{LogGroups: []*api.LogGroup{}}
	here := groupID{c.Account, c.Region, ""}
	next, err := page(groups.Scan, r, store.K(c.Account, c.Region), in.NextToken, or(in.Limit, 50), func(item store.Item[group]) bool {
		g := item.Value
		here.Name = g.Name
		if !g.matches(here, in) {
			return false
		}
		out.LogGroups = append(out.LogGroups, g.describe(here))
		return true
	})
	out.NextToken = next
	return out, err
}

// matches reports whether the request asks for the group. Case counts
// (https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogGroups.html).
func (g *group) matches(id groupID, in *api.DescribeLogGroupsRequest) bool {
	return strings.HasPrefix(g.Name, val(in.LogGroupNamePrefix)) &&
		strings.Contains(g.Name, val(in.LogGroupNamePattern)) &&
		(in.LogGroupClass == nil || g.Class == *in.LogGroupClass) &&
		(in.LogGroupIdentifiers == nil || slices.Contains(in.LogGroupIdentifiers, g.Name) || slices.Contains(in.LogGroupIdentifiers, id.arn()))
}

func (g *group) describe(id groupID) *api.LogGroup {
	out := &api.LogGroup{
		LogGroupName: ptr(g.Name), CreationTime: ptr(g.Created), MetricFilterCount: ptr(int64(0)),
		Arn: ptr(id.arn() + ":*"), LogGroupArn: ptr(id.arn()), StoredBytes: ptr(g.Bytes), LogGroupClass: ptr(g.Class),
		DeletionProtectionEnabled: ptr(g.Protected),
	}
	if g.KMSKey != "" {
		out.KmsKeyId = ptr(g.KMSKey)
	}
	if g.Retention > 0 {
		out.RetentionInDays = ptr(g.Retention)
	}
	return out
}

// retentionDays are the values that AWS takes
// (https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html).
var retentionDays = []int64{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

func (s *Service) putRetention(c *door.Call, tx *store.Tx, in *api.PutRetentionPolicyRequest) (*awsapi.None, error) {
	for _, days := range retentionDays {
		if days == *in.RetentionInDays {
			return none, s.setRetention(c, tx, in.LogGroupName, days)
		}
	}
	return nil, invalid("Invalid retention value: %d days. Use one of 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653.", *in.RetentionInDays)
}

func (s *Service) deleteRetention(c *door.Call, tx *store.Tx, in *api.DeleteRetentionPolicyRequest) (*awsapi.None, error) {
	return none, s.setRetention(c, tx, in.LogGroupName, 0)
}

func (s *Service) setRetention(c *door.Call, tx *store.Tx, name *string, days int64) error {
	g, row, err := findGroup(c, tx, name, nil)
	if err != nil {
		return err
	}
	row.Retention = days
	return groups.Put(tx, g.key(), row)
}
