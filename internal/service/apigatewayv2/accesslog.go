package apigatewayv2

import (
	"strconv"
	"strings"
	"time"
)

// context is the value of a $context variable, "" for none
// (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html).
func (x *exchange) context(requestID, sourceIP, name string) string {
	if value, ok := x.authorizerContext(name); ok {
		return value
	}
	switch name {
	case "requestId", "extendedRequestId":
		return requestID
	case "accountId":
		return x.api.row.Account
	case "apiId":
		return x.api.row.id()
	case "stage":
		return x.stage.name
	case "domainName":
		return x.target.Host
	case "domainPrefix":
		prefix, _, _ := strings.Cut(x.target.Host, ".")
		return prefix
	case "httpMethod":
		return x.r.Method
	case "path":
		return x.path
	case "protocol":
		return x.r.Proto
	case "routeKey":
		if x.route != nil {
			return x.route.text
		}
	case "requestTime":
		return x.began.UTC().Format("02/Jan/2006:15:04:05 -0700")
	case "requestTimeEpoch":
		return strconv.FormatInt(x.began.Unix(), 10)
	case "identity.sourceIp":
		return sourceIP
	case "identity.userAgent":
		return x.r.UserAgent()
	case "status":
		if x.status > 0 {
			return strconv.Itoa(x.status)
		}
	case "responseLength":
		return strconv.Itoa(x.size)
	case "responseLatency":
		return strconv.FormatInt(time.Since(x.began).Milliseconds(), 10)
	case "error.message":
		return x.errorText
	case "error.messageString":
		if x.errorText != "" {
			return strconv.Quote(x.errorText)
		}
	}
	return ""
}

// authorizerContext answers the variables of authorisers and identities.
func (x *exchange) authorizerContext(name string) (string, bool) {
	a := x.authorizer
	if a == nil {
		return "", false
	}
	switch {
	case a.JWT != nil && strings.HasPrefix(name, "authorizer.claims."):
		value, ok := a.JWT.Claims[strings.TrimPrefix(name, "authorizer.claims.")]
		return value, ok
	case a.Lambda != nil && strings.HasPrefix(name, "authorizer."):
		switch value := a.Lambda[strings.TrimPrefix(name, "authorizer.")].(type) {
		case string:
			return value, true
		case float64:
			return strconv.FormatFloat(value, 'f', -1, 64), true
		case bool:
			return strconv.FormatBool(value), true
		}
	case a.IAM != nil:
		switch name {
		case "identity.accountId":
			return a.IAM.AccountID, true
		case "identity.caller":
			return a.IAM.CallerID, true
		case "identity.user":
			return a.IAM.UserID, true
		case "identity.userArn":
			return a.IAM.UserARN, true
		}
	}
	return "", false
}
