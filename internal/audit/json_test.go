package audit

import (
	"encoding/json"
	"strings"
	"testing"
)

const refusedCall = `{
  "eventVersion": "1.11",
  "userIdentity": {
    "type": "AssumedRole",
    "principalId": "AROAEXAMPLE:session",
    "arn": "arn:aws:sts::123456789012:assumed-role/r/session",
    "accountId": "123456789012",
    "accessKeyId": "ASIAEXAMPLE",
    "invokedBy": "lambda.amazonaws.com",
    "sessionContext": {
      "sessionIssuer": {
        "type": "Role",
        "arn": "arn:aws:iam::123456789012:role/r"
      }
    }
  },
  "eventTime": "2026-01-02T03:04:05.000000007Z",
  "eventSource": "lambda.amazonaws.com",
  "eventName": "Invoke",
  "awsRegion": "eu-central-1",
  "sourceIPAddress": "127.0.0.1",
  "userAgent": "aws-cli/2",
  "errorCode": "AccessDeniedException",
  "errorMessage": "no",
  "requestParameters": {
    "functionName": "f"
  },
  "responseElements": null,
  "requestID": "request-7",
  "eventID": "event-7",
  "readOnly": false,
  "eventType": "AwsApiCall",
  "managementEvent": false,
  "recipientAccountId": "123456789012",
  "eventCategory": "Data",
  "outcome": "denied",
  "needs": [
    {
      "action": "lambda:InvokeFunction",
      "resource": "arn:aws:lambda:eu-central-1:123456789012:function:f",
      "allowed": false,
      "reason": "implicit deny"
    }
  ],
  "via": [
    "lambda.amazonaws.com"
  ],
  "sourceCell": "arn:aws:lambda:eu-central-1:123456789012:function:g:1",
  "count": 3,
  "index": 42
}`

func TestEntriesAreShownInCloudTrailsForm(t *testing.T) {
	rec := call(7)
	rec.EventName, rec.ReadOnly = "Invoke", false
	rec.Principal = Principal{
		Type: "AssumedRole", ID: "AROAEXAMPLE:session", ARN: "arn:aws:sts::123456789012:assumed-role/r/session",
		Account: "123456789012", AccessKeyID: "ASIAEXAMPLE", RoleARN: "arn:aws:iam::123456789012:role/r", Service: "lambda.amazonaws.com",
	}
	rec.Outcome, rec.ErrorCode, rec.ErrorMessage = Denied, "AccessDeniedException", "no"
	rec.Needs = []Need{{Action: "lambda:InvokeFunction", Resource: rec.Needs[0].Resource, Reason: "implicit deny"}}
	rec.Via = []string{"lambda.amazonaws.com"}
	rec.SourceCell, rec.Count = "arn:aws:lambda:eu-central-1:123456789012:function:g:1", 3
	got := must1(json.MarshalIndent(Entry{42, *rec}, "", "  "))(t)
	if string(got) != refusedCall {
		t.Errorf("shown as\n%s\nwant\n%s", got, refusedCall)
	}
	if b := must1(json.Marshal(rec))(t); strings.Contains(string(b), `"index"`) {
		t.Errorf("a record that is in no log has an index: %s", b)
	}
}
