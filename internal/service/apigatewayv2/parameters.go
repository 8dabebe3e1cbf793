package apigatewayv2

import (
	"context"

	"cloister/internal/door"
	"cloister/internal/gate/event"
)

func (s *Service) mapRequest(c *door.Call, x *exchange) (*event.Request, error) {
	return s.request(c, x), nil
}

func (x *exchange) mapResponse(c *door.Call, answer *event.Answer) error { return nil }

func (s *Service) forward(ctx context.Context, c *door.Call, x *exchange, r *event.Request) (*event.Answer, error) {
	return nil, refusal(500, nil)
}
