package lambda

import (
	"errors"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/lambda"
	"cloister/internal/door"
	"cloister/internal/store"
)

func (e *eventConfig) response(f ref) *api.FunctionEventInvokeConfig {
	return &api.FunctionEventInvokeConfig{
		LastModified:             ptr(e.Modified),
		FunctionArn:              ptr(configARN(f.qualified(e.Qualifier))),
		MaximumRetryAttempts:     e.Retries,
		MaximumEventAgeInSeconds: e.MaxAge,
		DestinationConfig:        &api.DestinationConfig{OnSuccess: &api.OnSuccess{}, OnFailure: &api.OnFailure{}},
	}
}

// configTarget is the function and qualifier whose asynchronous invocations are
// configured; $LATEST and none are the same.
func configTarget(c *door.Call, r store.Reader, name, qualifier *string) (ref, error) {
	f, err := parseRef(c, name, qualifier)
	if err != nil {
		return f, err
	}
	if f.Qualifier == "$LATEST" {
		f.Qualifier = ""
	}
	_, err = resolve(r, f)
	if isNotFound(err) {
		err = fail("ResourceNotFoundException", "The function doesn't exist.")
	}
	return f, err
}

// configARN names what a configuration is of; it is never unqualified.
func configARN(f ref) string {
	if f.Qualifier == "" {
		return f.at("$LATEST")
	}
	return f.arn()
}

// checkSomething refuses a configuration that configures nothing.
func checkSomething(retries, age *int64, d *api.DestinationConfig) error {
	if retries == nil && age == nil && d == nil {
		return fail("InvalidParameterValueException", "You must specify at least one of error handling or destination setting.")
	}
	return nil
}

func noDestinations(d *api.DestinationConfig) error {
	if d == nil {
		return nil
	}
	if d.OnSuccess != nil && val(d.OnSuccess.Destination) != "" || d.OnFailure != nil && val(d.OnFailure.Destination) != "" {
		return unavailable("destinations for asynchronous invocations yet", "leave out DestinationConfig")
	}
	return nil
}

func (s *Service) putEventConfig(c *door.Call, tx *store.Tx, in *api.PutFunctionEventInvokeConfigRequest) (*api.FunctionEventInvokeConfig, error) {
	f, err := configTarget(c, tx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if err := checkSomething(in.MaximumRetryAttempts, in.MaximumEventAgeInSeconds, in.DestinationConfig); err != nil {
		return nil, err
	}
	return saveEventConfig(c, tx, f, &eventConfig{Retries: in.MaximumRetryAttempts, MaxAge: in.MaximumEventAgeInSeconds}, in.DestinationConfig)
}

func saveEventConfig(c *door.Call, tx *store.Tx, f ref, e *eventConfig, d *api.DestinationConfig) (*api.FunctionEventInvokeConfig, error) {
	if err := noDestinations(d); err != nil {
		return nil, err
	}
	e.Qualifier, e.Modified = f.Qualifier, c.Time
	return e.response(f), eventConfigs.Put(tx, f.key(f.Qualifier), e)
}

func (s *Service) updateEventConfig(c *door.Call, tx *store.Tx, in *api.UpdateFunctionEventInvokeConfigRequest) (*api.FunctionEventInvokeConfig, error) {
	f, err := configTarget(c, tx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if err := checkSomething(in.MaximumRetryAttempts, in.MaximumEventAgeInSeconds, in.DestinationConfig); err != nil {
		return nil, err
	}
	e, err := eventConfigs.Get(tx, f.key(f.Qualifier))
	if err != nil {
		return nil, orNoConfig(err, f)
	}
	if in.MaximumRetryAttempts != nil {
		e.Retries = in.MaximumRetryAttempts
	}
	if in.MaximumEventAgeInSeconds != nil {
		e.MaxAge = in.MaximumEventAgeInSeconds
	}
	return saveEventConfig(c, tx, f, e, in.DestinationConfig)
}

func orNoConfig(err error, f ref) error {
	if errors.Is(err, store.ErrNotFound) {
		return fail("ResourceNotFoundException", "The function %s doesn't have an EventInvokeConfig", configARN(f))
	}
	return err
}

func (s *Service) getEventConfig(c *door.Call, r store.Reader, in *api.GetFunctionEventInvokeConfigRequest) (*api.FunctionEventInvokeConfig, error) {
	f, err := configTarget(c, r, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	e, err := eventConfigs.Get(r, f.key(f.Qualifier))
	if err != nil {
		return nil, orNoConfig(err, f)
	}
	return e.response(f), nil
}

func (s *Service) deleteEventConfig(c *door.Call, tx *store.Tx, in *api.DeleteFunctionEventInvokeConfigRequest) (*awsapi.None, error) {
	f, err := configTarget(c, tx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	return none, orNoConfig(eventConfigs.Delete(tx, f.key(f.Qualifier)), f)
}

func (s *Service) listEventConfigs(c *door.Call, r store.Reader, in *api.ListFunctionEventInvokeConfigsRequest) (*api.ListFunctionEventInvokeConfigsResponse, error) {
	f, err := parseWhole(c, in.FunctionName)
	if err != nil {
		return nil, err
	}
	if _, err := functions.Get(r, f.key()); err != nil {
		return nil, orNotFound(err, f)
	}
	out := &api.ListFunctionEventInvokeConfigsResponse{FunctionEventInvokeConfigs: []*api.FunctionEventInvokeConfig{}}
	out.NextMarker, err = page(eventConfigs.Scan, r, f.key(), in.Marker, or(in.MaxItems, 50), func(item store.Item[eventConfig]) bool {
		out.FunctionEventInvokeConfigs = append(out.FunctionEventInvokeConfigs, item.Value.response(f))
		return true
	})
	return out, err
}
