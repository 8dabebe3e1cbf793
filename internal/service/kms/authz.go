package kms

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"cloister/internal/awsapi/sigv4"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

// Actions, resources and condition keys are those of the Service Authorization
// Reference
// (https://docs.aws.amazon.com/service-authorization/latest/reference/list_awskeymanagementservice.html).

// use is what a request says about a key that it names.
type use struct {
	action  string            // "Encrypt"
	key     string            // as the request has it
	aliases bool              // an alias may stand for the key
	asked   policy.MapContext // condition keys of the request; the need's own from then on
	context map[string]string // encryption context
	child   *grantRow         // the grant that CreateGrant is to make
	foreign bool              // callers of other accounts may be allowed
	tokens  []string
}

// found is what a use found: a key, one that AWS manages and that is still to
// be made, or nothing.
type found struct {
	key     *key
	managed *aliasID
	missing error // why there is nothing, for a caller who may know
}

// need is the permission that a use takes, and what it speaks of. For what does
// not exist, or is not even a name, the caller's own policies decide.
func (s *Service) need(c *door.Call, r store.Reader, u *use) (found, door.Need, error) {
	ref, err := parseReference(c, u.key)
	if err == nil && ref.byAlias() && !u.aliases {
		err = invalidKeyID(u.key)
	}
	if err != nil {
		return found{missing: err}, u.onAnything(c), nil
	}
	k, err := lookup{s, r}.resolve(ref)
	switch {
	case errors.Is(err, store.ErrNotFound):
		f, need, err := s.missing(c, ref, u)
		if wrong := s.checkUse(u); err == nil && f.managed != nil && wrong != nil {
			f = found{missing: wrong} // nothing is made for it
		}
		return f, need, err
	case err != nil:
		return found{}, door.Need{}, err
	}
	need := k.need(c, u)
	if ref.byAlias() {
		need.Named = ref.alias.arn()
		need.Context["kms:requestalias"] = []string{ref.alias.Name}
	}
	return found{key: k, missing: s.checkUse(u)}, need, nil
}

// checkUse refuses what is wrong with a use whatever the key is.
func (s *Service) checkUse(u *use) error {
	if err := checkContext(u.context); err != nil {
		return err
	}
	return s.checkTokens(u.tokens)
}

// onAnything is the need of a request that names nothing.
func (u *use) onAnything(c *door.Call) door.Need {
	return door.Need{Action: "kms:" + u.action, Resource: "*", Context: u.conditions(c, nil)}
}

// missing is the need for what does not exist.
func (s *Service) missing(c *door.Call, ref reference, u *use) (found, door.Need, error) {
	if !ref.byAlias() {
		need := door.Need{Action: "kms:" + u.action, Resource: ref.key.arn(), Account: ref.key.Account, Context: u.conditions(c, nil)}
		return found{missing: noKey(ref.key)}, need, nil
	}
	need := door.Need{Action: "kms:" + u.action, Resource: ref.alias.arn(), Account: ref.alias.Account, Context: u.conditions(c, nil)}
	need.Context["kms:requestalias"] = []string{ref.alias.Name}
	service, ok := managedService(ref.alias)
	if !ok || ref.alias.Account != c.Account {
		return found{missing: noAlias(ref.alias)}, need, nil
	}
	compiled, err := managedRow(keyID{ref.alias.Account, ref.alias.Region, ""}, service, c.Time).compile()
	need.ResourcePolicy, need.ResourcePolicyRequired = &compiled, true
	return found{managed: &ref.alias}, need, err
}

// need is the permission to use k.
func (k *key) need(c *door.Call, u *use) door.Need {
	need := door.Need{
		Action: "kms:" + u.action, Resource: k.arn(), Account: k.Account,
		ResourcePolicyRequired: true, Context: u.conditions(c, k.context),
	}
	if k.Account == c.Account || u.foreign {
		need.ResourcePolicy, need.Grants = &k.policy, k.grantsFor(c.Principal, u)
	}
	return need
}

// conditions are the key's condition keys and those of the request.
func (u *use) conditions(c *door.Call, own policy.MapContext) policy.MapContext {
	all := make(policy.MapContext, len(own)+len(u.asked)+len(u.context)+4)
	maps.Copy(all, own)
	maps.Copy(all, u.asked)
	if account := callerAccount(c.Principal); account != "" {
		all["kms:calleraccount"] = []string{account}
	}
	if via := viaService(c); via != "" {
		all["kms:viaservice"] = []string{via}
	}
	if len(u.context) > 0 {
		all["kms:encryptioncontextkeys"] = keysOf(u.context)
		for name, value := range u.context {
			all["kms:encryptioncontext:"+strings.ToLower(name)] = []string{value}
		}
	}
	return all
}

// callerAccount is the account that calls, or for which a service does.
func callerAccount(p *door.Principal) string {
	if p.Account != "" {
		return p.Account
	}
	return p.SourceAccount
}

// viaService is the value of kms:ViaService: the service that makes this call
// with its caller's session, by its name in the region.
func viaService(c *door.Call) string {
	via := c.CalledVia()
	if len(via) == 0 {
		return ""
	}
	service, _ := strings.CutSuffix(via[len(via)-1], ".amazonaws.com")
	return service + "." + c.Region + ".amazonaws.com"
}

// grantsFor are the grants that let p do what u says. What they do not say
// about the request is in their policies.
func (k *key) grantsFor(p *door.Principal, u *use) (all []policy.Named) {
	if len(k.grants) == 0 {
		return nil
	}
	for _, name := range [...]string{p.ARN, p.UserID, roleID(p), rootARN(p.Account), p.Service} {
		if name == "" {
			continue
		}
		for _, g := range k.grants[name] {
			if is(p, g.GranteeID) && g.covers(u) {
				all = append(all, g.policy())
			}
		}
	}
	return all
}

func rootARN(account string) string {
	if account == "" {
		return ""
	}
	return "arn:aws:iam::" + account + ":root"
}

// keysOf is sorted.
func keysOf(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// onUse is the authorisation of an operation that uses one key; c.Found is then
// what was found.
func onUse[In any](s *Service, describe func(in *In) use) door.Auth[In] {
	return door.Permission(func(c *door.Call, r store.Reader, in *In) ([]door.Need, error) {
		u := describe(in)
		u.aliases, u.foreign = true, true
		f, need, err := s.need(c, r, &u)
		c.Found = f
		return []door.Need{need}, err
	})
}

// onKey is the authorisation of an operation that manages one key, for callers
// of its own account. asked gives the condition keys of the request.
func onKey[In any](s *Service, action string, id func(in *In) *string, asked ...func(in *In) policy.MapContext) door.Auth[In] {
	return onManaged(s, action, false, id, asked...)
}

// onForeignKey is onKey for an operation that other accounts may be allowed.
func onForeignKey[In any](s *Service, action string, id func(in *In) *string, asked ...func(in *In) policy.MapContext) door.Auth[In] {
	return onManaged(s, action, true, id, asked...)
}

func onManaged[In any](s *Service, action string, foreign bool, id func(in *In) *string, asked ...func(in *In) policy.MapContext) door.Auth[In] {
	return door.Permission(func(c *door.Call, r store.Reader, in *In) ([]door.Need, error) {
		u := use{action: action, key: val(id(in)), foreign: foreign}
		for _, ask := range asked {
			u.asked = ask(in)
		}
		_, need, err := s.need(c, r, &u)
		return []door.Need{need}, err
	})
}

// usable gives the key that was found, once it is sure that it can be used for
// something.
func (s *Service) usable(c *door.Call, usage, doing string) (*key, error) {
	k, err := s.settled(c)
	if err != nil {
		return nil, err
	}
	return k, k.usable(c, usage, doing)
}

// settled gives the key that was found, and makes it if AWS would.
func (s *Service) settled(c *door.Call) (*key, error) {
	f, ok := c.Found.(found)
	switch {
	case !ok:
		return nil, sigv4.InvalidClientTokenID() // a mistake in the registration: nobody gets in
	case f.managed != nil:
		return s.makeManaged(c)
	}
	return f.key, f.missing
}

// usable says why a key can not be used, if so.
func (k *key) usable(c *door.Call, usage, doing string) error {
	switch {
	case k.State == disabled:
		return fail("DisabledException", "%s is disabled.", k.arn())
	case k.State == pendingDeletion || k.State == pendingReplicaDeletion:
		return invalidState(k.keyRow, "is pending deletion.")
	case k.State == pendingImport || !k.ValidTo.IsZero() && !c.Time.Before(k.ValidTo):
		return invalidState(k.keyRow, "is pending import.")
	case usage != "" && k.Usage != usage:
		return fail("InvalidKeyUsageException", "%s key usage is %s which is not valid for %s.", k.arn(), k.Usage, doing)
	}
	return nil
}

// algorithm chooses among the key's algorithms.
func (k *key) algorithm(given *string, otherwise string) (string, error) {
	name := or(given, otherwise)
	if name == "" && len(k.algorithms()) == 1 {
		name = k.algorithms()[0]
	}
	if !slices.Contains(k.algorithms(), name) {
		return "", fail("InvalidKeyUsageException", "Algorithm %s is incompatible with key spec %s.", name, k.Spec)
	}
	return name, nil
}
