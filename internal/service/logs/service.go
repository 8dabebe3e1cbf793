package logs

import (
	"time"

	api "cloister/internal/awsapi/logs"
	"cloister/internal/door"
	"cloister/internal/store"
)

// Service is CloudWatch Logs. It is safe for concurrent use.
type Service struct {
	db      *store.DB
	door    *door.Door
	keys    keys
	sweeper *sweeper
}

// New makes the service and starts removing what nobody can read any more.
// Close ends that.
func New(db *store.DB) *Service {
	s := &Service{db: db}
	s.sweeper = startSweeper(db, time.Minute)
	return s
}

// Close waits for the sweeper to end.
func (s *Service) Close() error {
	s.sweeper.close()
	return nil
}

// Register puts the service's operations behind d.
func (s *Service) Register(d *door.Door) {
	s.door = d
	s.registerGroups(d)
	s.registerStreams(d)
	s.registerTags(d)
}

func (s *Service) registerGroups(d *door.Door) {
	door.Act(d, api.OpCreateLogGroup, door.Permission(needsOfCreateGroup), s.createGroup)
	door.Write(d, api.OpDeleteLogGroup, onGroup("logs:DeleteLogGroup", func(in *api.DeleteLogGroupRequest) (name, arn *string) {
		return in.LogGroupName, nil
	}), s.deleteGroup)
	door.Read(d, api.OpDescribeLogGroups, door.On("logs:DescribeLogGroups", func(c *door.Call, _ *api.DescribeLogGroupsRequest) string {
		return groupID{c.Account, c.Region, ""}.arn() + ":*"
	}), s.describeGroups)
	door.Act(d, api.OpAssociateKmsKey, door.Permission(needsOfAssociate), s.associateKey)
	door.Write(d, api.OpDisassociateKmsKey, door.Permission(needsOfDisassociate), s.disassociateKey)
	door.Write(d, api.OpPutRetentionPolicy, onGroup("logs:PutRetentionPolicy", func(in *api.PutRetentionPolicyRequest) (name, arn *string) {
		return in.LogGroupName, nil
	}), s.putRetention)
	door.Write(d, api.OpDeleteRetentionPolicy, onGroup("logs:DeleteRetentionPolicy", func(in *api.DeleteRetentionPolicyRequest) (name, arn *string) {
		return in.LogGroupName, nil
	}), s.deleteRetention)
	door.Act(d, api.OpFilterLogEvents, onGroup("logs:FilterLogEvents", func(in *api.FilterLogEventsRequest) (name, arn *string) {
		return in.LogGroupName, in.LogGroupIdentifier
	}), s.filterEvents)
}

func (s *Service) registerStreams(d *door.Door) {
	door.Write(d, api.OpCreateLogStream, onGroup("logs:CreateLogStream", func(in *api.CreateLogStreamRequest) (name, arn *string) {
		return in.LogGroupName, nil
	}), s.createStream)
	door.Write(d, api.OpDeleteLogStream, onStream("logs:DeleteLogStream", func(in *api.DeleteLogStreamRequest) (name, arn, stream *string) {
		return in.LogGroupName, nil, in.LogStreamName
	}), s.deleteStream)
	door.Read(d, api.OpDescribeLogStreams, onGroup("logs:DescribeLogStreams", func(in *api.DescribeLogStreamsRequest) (name, arn *string) {
		return in.LogGroupName, in.LogGroupIdentifier
	}), s.describeStreams)
	door.Act(d, api.OpPutLogEvents, onStream("logs:PutLogEvents", func(in *api.PutLogEventsRequest) (name, arn, stream *string) {
		return in.LogGroupName, nil, in.LogStreamName
	}), s.putEvents)
	door.Act(d, api.OpGetLogEvents, onStream("logs:GetLogEvents", func(in *api.GetLogEventsRequest) (name, arn, stream *string) {
		return in.LogGroupName, in.LogGroupIdentifier, in.LogStreamName
	}), s.getEvents)
}

func (s *Service) registerTags(d *door.Door) {
	door.Write(d, api.OpTagResource, door.Permission(needsOfTagResource), s.tagResource)
	door.Write(d, api.OpUntagResource, door.Permission(needsOfUntagResource), s.untagResource)
	door.Read(d, api.OpListTagsForResource, onGroup("logs:ListTagsForResource", func(in *api.ListTagsForResourceRequest) (name, arn *string) {
		return nil, in.ResourceArn
	}), s.listTagsForResource)
	door.Write(d, api.OpTagLogGroup, door.Permission(needsOfTagGroup), s.tagGroup)
	door.Write(d, api.OpUntagLogGroup, door.Permission(needsOfUntagGroup), s.untagGroup)
	door.Read(d, api.OpListTagsLogGroup, onGroup("logs:ListTagsLogGroup", func(in *api.ListTagsLogGroupRequest) (name, arn *string) {
		return in.LogGroupName, nil
	}), s.listTagsGroup)
}
