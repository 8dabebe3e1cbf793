package lambda

import (
	"errors"
	"log/slog"
	"net/http"

	"cloister/internal/awsapi"
	"cloister/internal/cell"
	"cloister/internal/service/lambda/invoke"
)

func isNotFound(err error) bool {
	var e *awsapi.Error
	return errors.As(err, &e) && e.Code == "ResourceNotFoundException"
}

// withReason adds the members of TooManyRequestsException.
func withReason(err error, reason string) error {
	var e *awsapi.Error
	if errors.As(err, &e) {
		return e.With("Reason", reason)
	}
	return err
}

// cannotStart says why no cell could be had: the kernel's missing feature, or
// that something of the platform's own failed, which its own log explains.
func cannotStart(start *invoke.StartError) error {
	message := "The function could not be started. The node's own log says why."
	var missing *cell.UnavailableError
	if errors.As(start, &missing) {
		message = "This machine cannot contain functions, so none is run: " + missing.Error() + ". Run cloister doctor."
	} else {
		slog.Error("a function could not be started", "error", start)
	}
	e := awsapi.Errorf("ServiceException", "%s", message).With("Type", "Service")
	e.Status, e.Cause = http.StatusInternalServerError, start
	return e
}
