package guardrail

import (
	"slices"

	"cloister/internal/awsapi"
)

// renamed are operations whose action has another name than they have
// (Service Authorization Reference, list_awslambda.html).
var renamed = map[string]string{
	"lambda:Invoke":                   "lambda:InvokeFunction",
	"lambda:InvokeAsync":              "lambda:InvokeFunction",
	"lambda:InvokeWithResponseStream": "lambda:InvokeFunction",
	"lambda:GetLayerVersionByArn":     "lambda:GetLayerVersion",
}

// byMethod is the service whose actions are named after the methods of HTTP
// (list_amazonapigatewaymanagementv2.html).
const byMethod = "apigateway"

// existing are the actions of a service's operations.
func existing(s *awsapi.Service) []string {
	if s.SigningName == byMethod {
		return []string{"apigateway:DELETE", "apigateway:GET", "apigateway:PATCH", "apigateway:POST", "apigateway:PUT", "apigateway:TagResource", "apigateway:UntagResource"}
	}
	var actions []string
	for _, op := range s.Operations {
		action := s.SigningName + ":" + op.Name
		if name, ok := renamed[action]; ok {
			action = name
		}
		actions = append(actions, action)
	}
	return actions
}

// unnamed are actions that a service might have, one for each verb that its
// operations begin with: a policy that gives them all gives whatever it does
// not leave out by name.
func unnamed(s *awsapi.Service, word string) []string {
	if s.SigningName == byMethod {
		return nil
	}
	var actions []string
	for _, op := range s.Operations {
		action := s.SigningName + ":" + verb(op.Name) + "Q" + word
		if !slices.Contains(actions, action) {
			actions = append(actions, action)
		}
	}
	return actions
}

// verb is the first word of an operation's name.
func verb(name string) string {
	for i := 1; i < len(name); i++ {
		if 'A' <= name[i] && name[i] <= 'Z' {
			return name[:i]
		}
	}
	return name
}

// forms are the ARNs of a service's resources, with the region where it has
// one. A service that is not here has resources of the usual form.
var forms = map[string][]string{
	"iam": {"arn:aws:iam::ACCOUNT:user/", "arn:aws:iam::ACCOUNT:role/", "arn:aws:iam::ACCOUNT:group/", "arn:aws:iam::ACCOUNT:policy/"},
	"sts": {"arn:aws:iam::ACCOUNT:role/"},
	"lambda": {
		"arn:aws:lambda:REGION:ACCOUNT:function:", "arn:aws:lambda:REGION:ACCOUNT:layer:",
	},
	"logs": {"arn:aws:logs:REGION:ACCOUNT:log-group:"},
	"s3":   {"arn:aws:s3:::"},
}

var usualForm = []string{"arn:aws:SERVICE:REGION:ACCOUNT:"}

// initials begin the names of resources that are tried: a policy for names with
// one beginning does not give every resource.
var initials = []string{"a", "h", "m", "t", "z", "Q", "5"}
