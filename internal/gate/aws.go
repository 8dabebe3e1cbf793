package gate

import (
	"net/http"
	"strings"
)

// speaksAWS says whether a request is one of AWS's protocols by what it carries,
// whatever its host: it names a target, or is signed for another service than
// API Gateway's callers sign for. No domain gets such a request, whoever claimed
// the name: it may be one that the node is reached by and does not know of.
func speaksAWS(r *http.Request) bool {
	if r.Header.Get("X-Amz-Target") != "" {
		return true
	}
	for _, credential := range []string{headerCredential(r), r.URL.Query().Get("X-Amz-Credential")} {
		if service := serviceOf(credential); service != "" && service != "execute-api" {
			return true
		}
	}
	return false
}

func headerCredential(r *http.Request) string {
	header := r.Header.Get("Authorization")
	if !strings.HasPrefix(header, "AWS4-") {
		return ""
	}
	_, rest, _ := strings.Cut(header, "Credential=")
	credential, _, _ := strings.Cut(rest, ",")
	return strings.TrimSpace(credential)
}

// serviceOf is the service of a credential's scope, KEY/DATE/REGION/SERVICE/aws4_request;
// "" if it is none.
func serviceOf(credential string) string {
	parts := strings.Split(credential, "/")
	if len(parts) < 5 {
		return ""
	}
	return parts[len(parts)-2]
}
