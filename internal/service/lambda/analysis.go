package lambda

import (
	"iter"

	"cloister/internal/door"
	"cloister/internal/store"
)

// ResourcePolicies lists the functions, aliases, versions and layer versions of an
// account that have a policy, with it, for the analysis of whom they let in.
func (s *Service) ResourcePolicies(r store.Reader, account string) iter.Seq2[door.Need, error] {
	return func(yield func(door.Need, error) bool) {
		for item, err := range permissions.Scan(r, store.K(account), nil) {
			arn := ""
			if err == nil {
				arn = ref{Account: account, Region: item.Key[1].(string), Name: item.Key[2].(string), Qualifier: item.Key[3].(string)}.arn()
			}
			if !yieldPolicy(yield, item.Value, err, arn, account) {
				return
			}
		}
		for item, err := range layerPolicies.Scan(r, store.K(account), nil) {
			arn := ""
			if err == nil {
				arn = layerID{account, item.Key[1].(string), item.Key[2].(string), item.Key[3].(int64)}.arn()
			}
			if !yieldPolicy(yield, item.Value, err, arn, account) {
				return
			}
		}
	}
}

func yieldPolicy(yield func(door.Need, error) bool, rp *resourcePolicy, err error, arn, account string) bool {
	if err != nil {
		yield(door.Need{}, err)
		return false
	}
	if len(rp.Statements) == 0 {
		return true
	}
	named, err := namedPolicy(rp, nil, arn)
	return yield(door.Need{Resource: arn, Account: account, ResourcePolicy: named}, err) && err == nil
}
