package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strings"
)

// formsOf are the ways in which a secret is written: those of the whole, of its
// lines, and of the values in it when it is JSON.
func formsOf(secret []byte) (all [][]byte) {
	for _, part := range append(append([][]byte{secret}, lines(secret)...), leaves(secret)...) {
		if len(part) >= MinLength {
			all = append(all, written(part)...)
		}
	}
	return all
}

// written are the ways in which one text is written.
func written(text []byte) [][]byte {
	s := string(text)
	all := [][]byte{text, jsonEscaped(s, true), jsonEscaped(s, false)}
	for _, escaped := range []string{url.QueryEscape(s), url.PathEscape(s), everyByteEscaped(s)} {
		all = append(all, []byte(escaped), []byte(lowerEscapes(escaped)))
	}
	all = append(all, []byte(hex.EncodeToString(text)), []byte(strings.ToUpper(hex.EncodeToString(text))))
	for before := range 3 {
		all = append(all, inside(base64.RawStdEncoding, text, before), inside(base64.RawURLEncoding, text, before))
	}
	return all
}

// inside is how text stands in the base64 of something longer, with before
// bytes (of each three) before it: the digits that depend on text alone.
func inside(e *base64.Encoding, text []byte, before int) []byte {
	padded := append(make([]byte, before), text...)
	digits := e.AppendEncode(nil, padded)
	return digits[(before*8+5)/6 : len(padded)*8/6]
}

func jsonEscaped(s string, html bool) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(html)
	if err := e.Encode(s); err != nil {
		return nil // a string always encodes
	}
	return bytes.TrimSuffix(bytes.TrimPrefix(b.Bytes(), []byte(`"`)), []byte("\"\n"))
}

// everyByteEscaped is what encoders make that leave letters and digits alone,
// and nothing else.
func everyByteEscaped(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' {
			b.WriteByte(c)
		} else {
			b.WriteString("%" + strings.ToUpper(hex.EncodeToString([]byte{c})))
		}
	}
	return b.String()
}

// lowerEscapes has the digits of percent escapes in lower case.
func lowerEscapes(s string) string {
	b := []byte(s)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:i+3], bytes.ToLower(b[i+1:i+3]))
		}
	}
	return string(b)
}

// maxLeaves bounds the work for one secret.
const maxLeaves = 1000

// notSecret are the names in the documents of databases' secrets
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html)
// whose values are no secrets: a log without its hosts and engines helps nobody.
var notSecret = map[string]bool{
	"engine": true, "host": true, "hostname": true, "port": true, "dbname": true, "database": true, "username": true, "user": true,
	"masterarn": true, "dbinstanceidentifier": true, "dbclusteridentifier": true, "region": true, "endpoint": true,
}

// leaves are the texts in a secret that is a JSON document.
func leaves(secret []byte) [][]byte {
	var doc any
	if begin := bytes.TrimSpace(secret); len(begin) == 0 || begin[0] != '{' && begin[0] != '[' {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(secret))
	d.UseNumber()
	if err := d.Decode(&doc); err != nil {
		return nil
	}
	return gather(doc, nil)
}

func gather(v any, all [][]byte) [][]byte {
	if len(all) >= maxLeaves {
		return all
	}
	switch v := v.(type) {
	case string:
		all = append(all, []byte(v))
	case json.Number:
		all = append(all, []byte(v))
	case []any:
		for _, item := range v {
			all = gather(item, all)
		}
	case map[string]any:
		for name, item := range v {
			if !notSecret[strings.ToLower(name)] {
				all = gather(item, all)
			}
		}
	}
	return all
}
