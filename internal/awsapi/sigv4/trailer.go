package sigv4

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"strings"

	"cloister/internal/awsapi"
)

const checksumPrefix = "x-amz-checksum-"

// checksums are the algorithms of
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html.
var checksums = map[string]func() hash.Hash{
	"crc32":     func() hash.Hash { return crc32.NewIEEE() },
	"crc32c":    func() hash.Hash { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) },
	"crc64nvme": func() hash.Hash { return crc64.New(crc64.MakeTable(crc64NVMe)) },
	"sha1":      sha1.New,
	"sha256":    sha256.New,
}

// crc64NVMe is the polynomial of the NVM Express specification, reversed.
const crc64NVMe = 0x9a6c9329ac4bc9b5

// trailer is what follows an aws-chunked body: the checksums that x-amz-trailer
// announced, and their signature when the chunks are signed.
type trailer struct {
	sums      map[string]hash.Hash // by header name
	said      map[string]string
	signature string
	canonical []byte // "name:value\n" for each, as they came
}

func newTrailer(announced []string) (*trailer, error) {
	t := &trailer{sums: map[string]hash.Hash{}, said: map[string]string{}}
	for _, name := range strings.Split(strings.Join(announced, ","), ",") {
		name = strings.ToLower(strings.TrimSpace(name))
		if name == "" {
			continue
		}
		make, ok := checksums[strings.TrimPrefix(name, checksumPrefix)]
		if !ok || !strings.HasPrefix(name, checksumPrefix) {
			return nil, awsapi.Errorf("InvalidRequest", "The value specified in the x-amz-trailer header is not supported")
		}
		t.sums[name] = make()
	}
	return t, nil
}

func (t *trailer) write(data []byte) {
	for _, sum := range t.sums {
		sum.Write(data)
	}
}

// add takes one line. Only what was announced may come, each once, and the
// signature last.
func (t *trailer) add(line []byte) error {
	rawName, rawValue, ok := bytes.Cut(line, []byte(":"))
	name, value := strings.ToLower(string(rawName)), string(bytes.TrimSpace(rawValue))
	_, announced := t.sums[name]
	_, repeated := t.said[name]
	switch {
	case !ok || t.signature != "" || repeated:
		return malformedTrailer()
	case name == "x-amz-trailer-signature":
		t.signature = value
	case !announced:
		return malformedTrailer()
	default:
		t.said[name] = value
		t.canonical = append(append(append(append(t.canonical, name...), ':'), value...), '\n')
	}
	return nil
}

// check compares the checksums with the body.
func (t *trailer) check() error {
	for name, sum := range t.sums {
		said, ok := t.said[name]
		if !ok {
			return malformedTrailer()
		}
		if said != base64.StdEncoding.EncodeToString(sum.Sum(nil)) {
			algorithmName := strings.ToUpper(strings.TrimPrefix(name, checksumPrefix))
			return awsapi.Errorf("BadDigest", "The %s you specified did not match the calculated checksum.", algorithmName)
		}
	}
	return nil
}

func malformedTrailer() error {
	return awsapi.Errorf("MalformedTrailerError", "The request contained trailing data that was not well-formed or did not conform to our published schema.")
}
