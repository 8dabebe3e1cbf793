package cognitoidp

import (
	"net/http"

	"cloister/internal/door"
)

func (s *Service) toProvider(*door.Call, *exchange, *asking) (*answer, error) {
	return nil, refuse("NoProvider", errorPage(http.StatusBadRequest, "The identity provider is not known here."))
}
