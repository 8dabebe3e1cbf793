package apigatewayv2

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/apigatewayv2"
	lambdaapi "cloister/internal/awsapi/lambda"
	"cloister/internal/door"
	"cloister/internal/gate/event"
)

func equal[T any](a, b *T) bool { return reflect.DeepEqual(a, b) }

// integrate has the route's integration answer, in its time.
func (s *Service) integrate(c *door.Call, x *exchange) (*event.Answer, error) {
	i := x.route.integration
	ctx, cancel := context.WithTimeout(c, time.Duration(or(i.TimeoutInMillis, 30_000))*time.Millisecond)
	defer cancel()
	out, err := s.mapRequest(c, x)
	if err != nil {
		return nil, err
	}
	var answer *event.Answer
	if val(i.IntegrationType) == api.IntegrationTypeHttpProxy {
		answer, err = s.forward(ctx, x, out)
	} else {
		answer, err = s.invokeFunction(ctx, x, out.Request)
	}
	if ctx.Err() != nil && c.Err() == nil {
		return nil, refusal(http.StatusGatewayTimeout, ctx.Err())
	}
	if err != nil {
		return nil, err
	}
	return answer, x.mapResponse(c, answer)
}

// invokeFunction invokes the function of a Lambda integration as API Gateway, for
// the route: what the function's own policy says of that decides.
func (s *Service) invokeFunction(ctx context.Context, x *exchange, r *event.Request) (*event.Answer, error) {
	i := x.route.integration
	tell, read := event.V1, event.AnswerV1
	if val(i.PayloadFormatVersion) == "2.0" {
		tell, read = event.V2, event.AnswerV2
	}
	payload, err := tell(r)
	if err != nil {
		return nil, err
	}
	answer, err := s.invoke(ctx, x, val(i.IntegrationUri), x.route.source, payload)
	if err != nil {
		return nil, err
	}
	out, err := read(answer)
	if err != nil {
		return nil, refusal(http.StatusBadGateway, err)
	}
	return out, nil
}

// errFunction is for a function that ended with an error, of which nobody is told.
var errFunction = errors.New("the function failed")

// invoke invokes the function of an URI with a payload, for the source.
func (s *Service) invoke(ctx context.Context, x *exchange, uri, source string, payload []byte) ([]byte, error) {
	arn := functionARN.FindString(x.substitute(functionOf(uri)))
	if arn == "" || stageVariable.MatchString(arn) {
		return nil, refusal(http.StatusInternalServerError, errors.New("the stage's variables make no function of the integration"))
	}
	as := door.ServicePrincipal("apigateway.amazonaws.com", source, x.api.row.Account)
	out, err := door.Do(ctx, s.door, as, lambdaapi.OpInvoke, &lambdaapi.InvocationRequest{FunctionName: &arn, Payload: payload})
	if err != nil {
		return nil, invocationError(err)
	}
	if out.FunctionError != nil {
		return nil, refusal(http.StatusBadGateway, errFunction)
	}
	return out.Payload, nil
}

// invocationError is the status for an invocation that did not come about.
func invocationError(err error) error {
	var wire *awsapi.Error
	if !errors.As(err, &wire) {
		return err
	}
	switch wire.Code {
	case "TooManyRequestsException", "ServiceUnavailable", "ServiceException":
		return refusal(http.StatusServiceUnavailable, err)
	case "RequestTooLargeException":
		return refusal(http.StatusRequestEntityTooLarge, err)
	}
	return refusal(http.StatusInternalServerError, err)
}

// substitute puts the stage's variables in their places.
func (x *exchange) substitute(text string) string {
	return stageVariable.ReplaceAllStringFunc(text, func(found string) string {
		if value, ok := x.stage.variables[found[len("${stageVariables."):len(found)-1]]; ok {
			return value
		}
		return found
	})
}
