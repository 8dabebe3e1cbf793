package lambda

import (
	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/lambda"
	"cloister/internal/door"
	"cloister/internal/store"
)

// unreservedMinimum is what AWS keeps for functions without a reservation.
const unreservedMinimum = 100

// functionOf finds the function that a name means.
func functionOf(c *door.Call, r store.Reader, name *string) (ref, *function, error) {
	f, err := parseWhole(c, name)
	if err != nil {
		return f, nil, err
	}
	fn, err := functions.Get(r, f.key())
	return f, fn, orNotFound(err, f)
}

func (s *Service) putConcurrency(c *door.Call, tx *store.Tx, in *api.PutFunctionConcurrencyRequest) (*api.Concurrency, error) {
	f, fn, err := functionOf(c, tx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	others, err := reservedBy(tx, f, f.Name)
	if err != nil {
		return nil, err
	}
	more := *in.ReservedConcurrentExecutions > val(fn.Reserved)
	if more && s.concurrency-others-*in.ReservedConcurrentExecutions < unreservedMinimum {
		return nil, fail("InvalidParameterValueException", "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [%d].", unreservedMinimum)
	}
	fn.Reserved = in.ReservedConcurrentExecutions
	return &api.Concurrency{ReservedConcurrentExecutions: fn.Reserved}, functions.Put(tx, f.key(), fn)
}

// reservedBy is the concurrency that the account's functions reserve, without
// that of the function named except.
func reservedBy(r store.Reader, f ref, except string) (total int64, err error) {
	for item, err := range functions.Scan(r, store.K(f.Account, f.Region), nil) {
		if err != nil {
			return 0, err
		}
		if item.Value.Name != except {
			total += val(item.Value.Reserved)
		}
	}
	return total, nil
}

func (s *Service) getConcurrency(c *door.Call, r store.Reader, in *api.GetFunctionConcurrencyRequest) (*api.GetFunctionConcurrencyResponse, error) {
	_, fn, err := functionOf(c, r, in.FunctionName)
	if err != nil {
		return nil, err
	}
	return &api.GetFunctionConcurrencyResponse{ReservedConcurrentExecutions: fn.Reserved}, nil
}

func (s *Service) deleteConcurrency(c *door.Call, tx *store.Tx, in *api.DeleteFunctionConcurrencyRequest) (*awsapi.None, error) {
	f, fn, err := functionOf(c, tx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	fn.Reserved = nil
	return none, functions.Put(tx, f.key(), fn)
}

func (s *Service) getAccountSettings(c *door.Call, r store.Reader, _ *api.GetAccountSettingsRequest) (*api.GetAccountSettingsResponse, error) {
	here := ref{Account: c.Account, Region: c.Region}
	reserved, err := reservedBy(r, here, "")
	if err != nil {
		return nil, err
	}
	usage, err := accountUsage(r, here)
	return &api.GetAccountSettingsResponse{
		AccountLimit: &api.AccountLimit{
			TotalCodeSize: ptr(int64(80530636800)), CodeSizeUnzipped: ptr(int64(262144000)), CodeSizeZipped: ptr(int64(maxZip)),
			ConcurrentExecutions: ptr(s.concurrency), UnreservedConcurrentExecutions: ptr(s.concurrency - reserved),
		},
		AccountUsage: usage,
	}, err
}

func accountUsage(r store.Reader, here ref) (*api.AccountUsage, error) {
	var count, size int64
	for item, err := range versions.Scan(r, store.K(here.Account, here.Region), nil) {
		if err != nil {
			return nil, err
		}
		size += item.Value.Code.Size
		if item.Value.Number == latest {
			count++
		}
	}
	for item, err := range layerVersions.Scan(r, store.K(here.Account, here.Region), nil) {
		if err != nil {
			return nil, err
		}
		size += item.Value.Code.Size
	}
	return &api.AccountUsage{FunctionCount: ptr(count), TotalCodeSize: ptr(size)}, nil
}
