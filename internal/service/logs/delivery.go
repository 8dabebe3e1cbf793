package logs

import "cloister/policy"

// delivery is the policy of every group about the services that deliver logs into
// it: those of the group's own account, whoever let them
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-and-resource-policy.html).
// Whoever has a service deliver logs needs logs:CreateLogDelivery.
var delivery = func() *policy.Named {
	p, err := policy.Parse(policy.KindResource, []byte(`{"Version":"2012-10-17","Statement":[{
		"Effect":"Allow","Principal":{"Service":"delivery.logs.amazonaws.com"},"Action":["logs:CreateLogStream","logs:PutLogEvents"],"Resource":"*",
		"Condition":{"StringEquals":{"aws:SourceAccount":"${aws:ResourceAccount}"}}}]}`))
	if err != nil {
		panic(err) // it is a constant
	}
	return &policy.Named{Name: "AWSLogDeliveryWrite", Policy: p}
}()
