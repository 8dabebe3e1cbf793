package sigv4

import (
	"net/http"
	"strings"
	"time"

	"cloister/internal/awsapi"
)

const stampLayout = "20060102T150405Z"

// fill takes what header and query form have in common.
func (s *Signature) fill(c credentials, stamp string) *awsapi.Error {
	if err := s.setTime(stamp); err != nil {
		return err
	}
	if err := s.setSignedHeaders(c.signedHeaders); err != nil {
		return err
	}
	s.signature = c.signature
	return s.setScope(c.credential)
}

// setTime takes X-Amz-Date, in ISO 8601's basic format, or a Date header, for
// which RFC 9110's formats are allowed, too.
func (s *Signature) setTime(stamp string) *awsapi.Error {
	t, err := time.Parse(stampLayout, stamp)
	if err != nil && !s.Presigned {
		t, err = http.ParseTime(stamp)
	}
	if err != nil || t.Year() < 1 {
		return incomplete("Date must be in ISO-8601 'basic format'. Got '" + clip(stamp) + "'. See http://en.wikipedia.org/wiki/ISO_8601")
	}
	s.Time = t.UTC()
	s.stamp = s.Time.Format(stampLayout)
	return nil
}

// setScope takes KEYID/DATE/REGION/SERVICE/aws4_request.
func (s *Signature) setScope(credential string) *awsapi.Error {
	parts := strings.SplitN(credential, "/", 6)
	if len(parts) != 5 {
		return incomplete("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '" + clip(credential) + "'")
	}
	s.AccessKeyID, s.Date, s.Region, s.Service = parts[0], parts[1], parts[2], parts[3]
	s.scope = credential[len(s.AccessKeyID)+1:]
	var wrong []string
	if s.AccessKeyID == "" || s.Region == "" || s.Service == "" {
		wrong = append(wrong, "Credential should be scoped to a valid access key, region and service.")
	}
	if parts[4] != terminator {
		wrong = append(wrong, "Credential should be scoped with a valid terminator: 'aws4_request', not '"+clip(parts[4])+"'.")
	}
	if s.Date != s.stamp[:8] {
		wrong = append(wrong, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '"+clip(s.Date)+"' != '"+s.stamp[:8]+"', from '"+s.stamp+"'.")
	}
	if wrong != nil {
		return forbidden(codeMismatch, strings.Join(wrong, " "))
	}
	return nil
}

// setSignedHeaders takes a list of names, which every signer writes in lower
// case and sorted. Another order is refused, so that the list can be searched
// and no name is there twice.
func (s *Signature) setSignedHeaders(list string) *awsapi.Error {
	s.names = list
	s.signed = strings.Split(list, ";")
	for i, name := range s.signed {
		if strings.ToLower(name) != name || (i > 0 && s.signed[i-1] >= name) {
			return mismatch()
		}
	}
	if !s.isSigned("host") {
		return forbidden(codeMismatch, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
	}
	return nil
}

// clip makes what a client sent fit to be repeated in a message.
func clip(text string) string {
	const most = 200
	if len(text) > most {
		text = text[:most] + "..."
	}
	return strings.ToValidUTF8(text, "?")
}
