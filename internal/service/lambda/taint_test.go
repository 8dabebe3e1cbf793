package lambda

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	api "cloister/internal/awsapi/lambda"
)

// TestSecretsStayOut puts marked values where callers have secrets, through
// calls that succeed and calls that fail, and looks for them in the audit log,
// the errors and the node's own log.
func TestSecretsStayOut(t *testing.T) {
	const mark = "taint7391"
	var own bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&own, nil)))
	defer slog.SetDefault(before)
	h := newHarness(t, quickly)
	h.answering(fails)

	var answers []string
	try := func(err error) {
		if err != nil {
			answers = append(answers, err.Error())
		}
	}
	create := func(variables map[string]string) {
		in := createRequest("f", mark)
		in.Environment = &api.Environment{Variables: variables}
		_, err := do(h, h.Root(), api.OpCreateFunction, in)
		try(err)
	}
	create(map[string]string{"X" + mark: "a\x00b"})
	create(map[string]string{"1" + mark: "x"})
	create(map[string]string{"NAME": strings.Repeat(mark, 1000)})
	create(map[string]string{"AWS_REGION": mark})
	create(map[string]string{"X" + mark: mark})
	create(map[string]string{"X" + mark: mark})
	_, err := do(h, h.User("nobody"), api.OpUpdateFunctionConfiguration, &api.UpdateFunctionConfigurationRequest{
		FunctionName: ptr("f"), Environment: &api.Environment{Variables: map[string]string{"B": mark}},
	})
	try(err)
	_, err = do(h, h.Root(), api.OpUpdateFunctionCode, &api.UpdateFunctionCodeRequest{FunctionName: ptr("f"), ZipFile: []byte(mark)})
	try(err)
	_, err = do(h, h.Root(), api.OpGetFunction, &api.GetFunctionRequest{FunctionName: ptr("f")})
	try(err)
	for _, kind := range []string{"RequestResponse", "Event"} {
		for _, payload := range []string{`"` + mark + `"`, mark} {
			_, err := do(h, h.Root(), api.OpInvoke, &api.InvocationRequest{FunctionName: ptr("f"), InvocationType: ptr(kind), Payload: []byte(payload)})
			try(err)
		}
	}
	_, err = do(h, h.Root(), api.OpInvokeAsync, &api.InvokeAsyncRequest{FunctionName: ptr("f"), InvokeArgs: []byte(`"` + mark + `"`)})
	try(err)
	for h.waiting() > 0 { // until the events were given up
		time.Sleep(time.Millisecond)
	}
	h.lambda.Stop(context.Background())

	if len(answers) < 7 {
		t.Errorf("only %d calls failed: %q", len(answers), answers)
	}
	find(t, "the answers", strings.Join(answers, "\n"), mark)
	find(t, "the node's own log", own.String(), mark)
	n := 0
	for e, err := range h.Audit.Records(context.Background(), 0) {
		h.must(err)
		n++
		find(t, "the audit record of "+e.EventName, fmt.Sprintf("%s %s %s", e.ErrorMessage, e.Request, e.Response), mark)
	}
	if n < 14 {
		t.Errorf("only %d audit records", n)
	}
}

func find(t *testing.T, where, text, mark string) {
	t.Helper()
	for _, form := range []string{mark, base64.StdEncoding.EncodeToString([]byte(mark))[:8]} {
		if strings.Contains(text, form) {
			t.Errorf("a secret is in %s: %.300s", where, text)
		}
	}
}
