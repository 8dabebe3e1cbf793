package sigv4

import (
	"net/http"

	"cloister/internal/awsapi"
)

// The codes that this package gives. They are those of the query protocol
// (https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html) and
// S3's RequestTimeTooSkewed; ForProtocol turns them into a protocol's own.
const (
	codeMissingToken = "MissingAuthenticationToken"
	codeIncomplete   = "IncompleteSignature"
	codeUnknownKey   = "InvalidClientTokenId"
	codeMismatch     = "SignatureDoesNotMatch"
	codeExpiredToken = "ExpiredToken"
	codeSkewed       = "RequestTimeTooSkewed"
)

const mismatchMessage = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."

// MissingAuthenticationToken is the error of an unsigned request to an
// operation that must be signed.
func MissingAuthenticationToken() *awsapi.Error {
	return forbidden(codeMissingToken, "Request is missing Authentication Token")
}

// InvalidClientTokenID is the error of an access key or session token that
// stands for nobody.
func InvalidClientTokenID() *awsapi.Error {
	return forbidden(codeUnknownKey, "The security token included in the request is invalid.")
}

// ExpiredToken is the error of a session that is over.
func ExpiredToken() *awsapi.Error {
	return forbidden(codeExpiredToken, "The security token included in the request is expired")
}

func mismatch() *awsapi.Error { return forbidden(codeMismatch, mismatchMessage) }

func forbidden(code, message string) *awsapi.Error {
	return &awsapi.Error{Code: code, Message: message, Status: http.StatusForbidden}
}

func incomplete(message string) *awsapi.Error {
	return &awsapi.Error{Code: codeIncomplete, Message: message, Status: http.StatusBadRequest}
}

// wording is how one protocol says one of the errors. Zero fields keep what
// the error has.
type wording struct {
	code    string
	status  int
	message string
}

var jsonWording = map[string]wording{
	codeMissingToken: {code: "MissingAuthenticationTokenException", message: "Missing Authentication Token"},
	codeIncomplete:   {code: "IncompleteSignatureException"},
	codeUnknownKey:   {code: "UnrecognizedClientException"},
	codeMismatch:     {code: "InvalidSignatureException"},
	codeExpiredToken: {code: "ExpiredTokenException"},
	codeSkewed:       {code: "InvalidSignatureException"},
}

var queryWording = map[string]wording{
	codeSkewed: {code: codeMismatch},
}

// ec2Wording is of https://docs.aws.amazon.com/ec2/latest/devguide/errors-overview.html.
var ec2Wording = map[string]wording{
	codeMissingToken: {code: "AuthFailure", status: http.StatusUnauthorized, message: ec2AuthFailure},
	codeUnknownKey:   {code: "AuthFailure", status: http.StatusUnauthorized, message: ec2AuthFailure},
	codeMismatch:     {code: "AuthFailure", status: http.StatusUnauthorized, message: ec2AuthFailure},
	codeExpiredToken: {code: "RequestExpired", status: http.StatusBadRequest, message: "Request has expired."},
	codeSkewed:       {code: "RequestExpired", status: http.StatusBadRequest, message: "Request has expired."},
}

const ec2AuthFailure = "AWS was not able to validate the provided access credentials"

// s3Wording is of https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html.
var s3Wording = map[string]wording{
	codeMissingToken: {code: "AccessDenied", message: "Access Denied"},
	codeIncomplete:   {code: "AuthorizationHeaderMalformed"},
	codeUnknownKey:   {code: "InvalidAccessKeyId", message: "The AWS Access Key Id you provided does not exist in our records."},
	codeExpiredToken: {status: http.StatusBadRequest, message: "The provided token has expired."},
	codeSkewed:       {message: "The difference between the request time and the current time is too large."},
}

// ForProtocol returns e as the protocol's services give it: with the code
// ending in Exception in the JSON and CBOR protocols, of which all but restJson1
// answer with status 400
// (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html),
// and with S3's words in restXml. Errors that are not this package's come back
// as they are. A wrong clock is SignatureDoesNotMatch everywhere but in S3,
// which says RequestTimeTooSkewed.
func ForProtocol(e *awsapi.Error, p awsapi.Protocol) *awsapi.Error {
	w, ok := wordings(p)[e.Code]
	if !ok {
		return e
	}
	out := *e
	if w.code != "" {
		out.Code = w.code
	}
	if w.status != 0 {
		out.Status = w.status
	}
	if w.message != "" {
		out.Message = w.message
	}
	if p == awsapi.JSON10 || p == awsapi.JSON11 || p == awsapi.CBOR {
		out.Status = http.StatusBadRequest
	}
	return &out
}

func wordings(p awsapi.Protocol) map[string]wording {
	switch p {
	case awsapi.Query:
		return queryWording
	case awsapi.EC2Query:
		return ec2Wording
	case awsapi.RestXML:
		return s3Wording
	}
	return jsonWording
}
