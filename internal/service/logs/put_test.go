package logs

import (
	"errors"
	"strings"
	"testing"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/logs"
	"cloister/internal/door"
)

// Batches as large as AWS takes them go in, and come out in pages of a
// megabyte; larger ones are refused whole.
func TestSizes(t *testing.T) {
	h := newHarness(t)
	h.stream("g", "s")
	at := h.now.UnixMilli()
	batch := func(sizes ...int) error {
		in := &api.PutLogEventsRequest{LogGroupName: ptr("g"), LogStreamName: ptr("s")}
		for _, size := range sizes {
			in.LogEvents = append(in.LogEvents, &api.InputLogEvent{Timestamp: &at, Message: ptr(strings.Repeat("x", size))})
		}
		_, err := try(h, api.OpPutLogEvents, in)
		return err
	}
	for name, c := range map[string]struct {
		sizes []int
		want  string // beginning of the error
	}{
		"one too large":          {[]int{maxEvent - overhead + 1}, "InvalidParameterException: Log event too large: 1048577 bytes exceeds limit of 1048576"},
		"together too large":     {[]int{maxBatch / 2, maxBatch / 2}, "InvalidParameterException: Upload too large: 1048628 bytes exceeds limit of 1048576"},
		"more than ten thousand": {make([]int, 10_001), "InvalidParameterException: 1"},
	} {
		if err := batch(c.sizes...); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %.200v", name, err)
		}
	}
	if h.left() != 0 {
		t.Fatal("something of a refused batch is kept")
	}
	half := maxBatch/2 - overhead
	if err := errors.Join(batch(maxEvent-overhead), batch(half, half)); err != nil {
		t.Fatal(err)
	}
	var sizes []int
	in := &api.GetLogEventsRequest{LogGroupName: ptr("g"), LogStreamName: ptr("s"), StartFromHead: ptr(true)}
	for pages := 1; ; pages++ {
		out := do(h, t, api.OpGetLogEvents, in)
		for _, e := range out.Events {
			sizes = append(sizes, len(*e.Message))
		}
		if len(out.Events) == 0 {
			break
		}
		in.NextToken = out.NextForwardToken
	}
	if len(sizes) != 3 || sizes[0] != maxEvent-overhead || sizes[2] != half {
		t.Errorf("%d come out", sizes)
	}
	if n := len(h.filter("g", "")); n != 1 {
		t.Errorf("one answer of FilterLogEvents holds %d", n)
	}
}

// Every operation asks for its own action on the resource that policies for
// CloudWatch Logs name
// (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html),
// whether that exists or not.
func TestNeeds(t *testing.T) {
	h := newHarness(t)
	nobody := h.User("nobody")
	const arn = "arn:aws:logs:us-east-1:123456789012:log-group:g"
	calls := map[string]func() error{
		"CreateLogGroup on " + arn + ":*":                                       call(h, nobody, api.OpCreateLogGroup, &api.CreateLogGroupRequest{LogGroupName: ptr("g")}),
		"DeleteLogGroup on " + arn + ":*":                                       call(h, nobody, api.OpDeleteLogGroup, &api.DeleteLogGroupRequest{LogGroupName: ptr("g")}),
		"DescribeLogGroups on arn:aws:logs:us-east-1:123456789012:log-group::*": call(h, nobody, api.OpDescribeLogGroups, &api.DescribeLogGroupsRequest{}),
		"AssociateKmsKey on " + arn + ":*":                                      call(h, nobody, api.OpAssociateKmsKey, &api.AssociateKmsKeyRequest{LogGroupName: ptr("g"), KmsKeyId: ptr("k")}),
		"DisassociateKmsKey on " + arn + ":*":                                   call(h, nobody, api.OpDisassociateKmsKey, &api.DisassociateKmsKeyRequest{LogGroupName: ptr("g")}),
		"PutRetentionPolicy on " + arn + ":*":                                   call(h, nobody, api.OpPutRetentionPolicy, &api.PutRetentionPolicyRequest{LogGroupName: ptr("g"), RetentionInDays: ptr(int64(1))}),
		"DeleteRetentionPolicy on " + arn + ":*":                                call(h, nobody, api.OpDeleteRetentionPolicy, &api.DeleteRetentionPolicyRequest{LogGroupName: ptr("g")}),
		"FilterLogEvents on " + arn + ":*":                                      call(h, nobody, api.OpFilterLogEvents, &api.FilterLogEventsRequest{LogGroupName: ptr("g")}),
		"CreateLogStream on " + arn + ":*":                                      call(h, nobody, api.OpCreateLogStream, &api.CreateLogStreamRequest{LogGroupName: ptr("g"), LogStreamName: ptr("s")}),
		"DeleteLogStream on " + arn + ":log-stream:s":                           call(h, nobody, api.OpDeleteLogStream, &api.DeleteLogStreamRequest{LogGroupName: ptr("g"), LogStreamName: ptr("s")}),
		"DescribeLogStreams on " + arn + ":*":                                   call(h, nobody, api.OpDescribeLogStreams, &api.DescribeLogStreamsRequest{LogGroupIdentifier: ptr(arn)}),
		"PutLogEvents on " + arn + ":log-stream:s":                              call(h, nobody, api.OpPutLogEvents, &api.PutLogEventsRequest{LogGroupName: ptr("g"), LogStreamName: ptr("s"), LogEvents: []*api.InputLogEvent{{Timestamp: ptr(int64(1)), Message: ptr("x")}}}),
		"GetLogEvents on " + arn + ":log-stream:s":                              call(h, nobody, api.OpGetLogEvents, &api.GetLogEventsRequest{LogGroupName: ptr("g"), LogStreamName: ptr("s")}),
		"TagResource on " + arn + ":*":                                          call(h, nobody, api.OpTagResource, &api.TagResourceRequest{ResourceArn: ptr(arn), Tags: map[string]string{"a": "b"}}),
		"UntagResource on " + arn + ":*":                                        call(h, nobody, api.OpUntagResource, &api.UntagResourceRequest{ResourceArn: ptr(arn), TagKeys: []string{"a"}}),
		"ListTagsForResource on " + arn + ":*":                                  call(h, nobody, api.OpListTagsForResource, &api.ListTagsForResourceRequest{ResourceArn: ptr(arn)}),
		"TagLogGroup on " + arn + ":*":                                          call(h, nobody, api.OpTagLogGroup, &api.TagLogGroupRequest{LogGroupName: ptr("g"), Tags: map[string]string{"a": "b"}}),
		"UntagLogGroup on " + arn + ":*":                                        call(h, nobody, api.OpUntagLogGroup, &api.UntagLogGroupRequest{LogGroupName: ptr("g"), Tags: []string{"a"}}),
		"ListTagsLogGroup on " + arn + ":*":                                     call(h, nobody, api.OpListTagsLogGroup, &api.ListTagsLogGroupRequest{LogGroupName: ptr("g")}),
	}
	if len(calls) != len(h.Door.Operations()) {
		t.Errorf("%d calls for %d operations", len(calls), len(h.Door.Operations()))
	}
	refused := func() {
		for want, call := range calls {
			action, resource, _ := strings.Cut(want, " on ")
			want := "AccessDenied: User: " + nobody.ARN + " is not authorized to perform: logs:" + action + " on resource: " + resource + " because"
			if err := call(); err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("%v\nis not %s", err, want)
			}
		}
	}
	refused()
	h.stream("g", "s")
	refused()
}

func call[In, Out any](h *harness, as *door.Principal, op awsapi.Op[In, Out], in *In) func() error {
	return func() error {
		_, err := door.Do(h.t.Context(), h.Door, as, op, in)
		return err
	}
}

// Tags of the group and of the request decide, if a policy says so.
func TestTagConditions(t *testing.T) {
	h := newHarness(t)
	blue := h.User("blue", `{"Statement":[
		{"Effect":"Allow","Action":"logs:CreateLogGroup","Resource":"*","Condition":{"StringEquals":{"aws:RequestTag/Team":"blue"}}},
		{"Effect":"Allow","Action":"logs:DeleteLogGroup","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/Team":"blue"}}},
		{"Effect":"Allow","Action":"logs:UntagResource","Resource":"*","Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":["note"]}}}]}`)
	const arn = "arn:aws:logs:us-east-1:123456789012:log-group:"
	for i, c := range []struct {
		call  func() error
		fails bool
	}{
		{call(h, blue, api.OpCreateLogGroup, &api.CreateLogGroupRequest{LogGroupName: ptr("b"), Tags: map[string]string{"Team": "blue"}}), false},
		{call(h, blue, api.OpCreateLogGroup, &api.CreateLogGroupRequest{LogGroupName: ptr("r"), Tags: map[string]string{"Team": "red"}}), true},
		{call(h, h.root, api.OpCreateLogGroup, &api.CreateLogGroupRequest{LogGroupName: ptr("r"), Tags: map[string]string{"Team": "red"}}), false},
		{call(h, blue, api.OpDeleteLogGroup, &api.DeleteLogGroupRequest{LogGroupName: ptr("r")}), true},
		{call(h, blue, api.OpUntagResource, &api.UntagResourceRequest{ResourceArn: ptr(arn + "r"), TagKeys: []string{"Team"}}), true},
		{call(h, blue, api.OpUntagResource, &api.UntagResourceRequest{ResourceArn: ptr(arn + "r"), TagKeys: []string{"note"}}), false},
		{call(h, blue, api.OpDeleteLogGroup, &api.DeleteLogGroupRequest{LogGroupName: ptr("b")}), false},
	} {
		if err := c.call(); (err != nil) != c.fails {
			t.Errorf("call %d: %v", i, err)
		}
	}
}
