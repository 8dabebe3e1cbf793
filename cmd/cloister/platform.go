package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"cloister/internal/awsapi"
)

// callPlatform makes a call in JSON, of the platform's own or of AWS's, to a
// running node and reads the answer into out, which has Out's fields but times as
// wireTime.
func callPlatform[In, Out any](ctx context.Context, at *place, op awsapi.Op[In, Out], in *In, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(at.endpoint, "/")+"/", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", op.Service.TargetPrefix+"."+op.Name)
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, at.caller, req, hex.EncodeToString(sum[:]), op.Service.SigningName, at.region, time.Now()); err != nil {
		return err
	}
	res, err := at.client.Do(req)
	if err != nil {
		return fmt.Errorf("the node does not answer: is cloister up running there? %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return refusal(answer)
	}
	return json.Unmarshal(answer, out)
}

// refusal is an answer that is an error, as an error for people.
func refusal(answer []byte) error {
	var e struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal(answer, &e); err != nil || e.Type == "" {
		return fmt.Errorf("the node answered %.200q", answer)
	}
	return fmt.Errorf("%s: %s", e.Type, e.Message)
}

// wireTime is a time as awsJson has it: in seconds.
type wireTime struct{ time.Time }

// UnmarshalJSON implements json.Unmarshaler.
func (t *wireTime) UnmarshalJSON(text []byte) error {
	var seconds float64
	if err := json.Unmarshal(text, &seconds); err != nil {
		return err
	}
	t.Time = time.Unix(0, int64(seconds*1e9)).UTC().Truncate(time.Second)
	return nil
}
