package cognitoidentity

import (
	"errors"
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/cognitoidentity"
	stsapi "cloister/internal/awsapi/sts"
	"cloister/internal/door"
	"cloister/internal/store"
)

// tokenLife is how long a token of GetOpenIdToken is good, and credentialLife a
// session
// (https://docs.aws.amazon.com/cognitoidentity/latest/APIReference/API_GetOpenIdToken.html).
const (
	tokenLife      = 10 * time.Minute
	credentialLife = time.Hour
)

// claimed is an identity as a caller has shown to be it.
type claimed struct {
	pool   *pool
	who    *identity
	proofs []*proof
	kind   string  // known or unknown
	own    vouched // what this service said of the caller before
}

// claim finds out whether a caller is an identity. Logins that are new are linked
// to it.
func (s *Service) claim(c *door.Call, id string, logins map[string]string) (*claimed, error) {
	out := &claimed{kind: unknown}
	err := c.View(func(r store.Reader) (err error) {
		out.pool, out.who, err = anyIdentity(r, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	c.Account = out.pool.Account
	if out.proofs, out.own, err = s.prove(c, out.pool, logins); err != nil {
		return nil, err
	}
	if err := out.who.holds(out.proofs, out.own.id); err != nil {
		return nil, err
	}
	if out.own.id != "" || len(out.proofs) > 0 {
		out.kind = known
	} else if !val(out.pool.Spec.AllowUnauthenticatedIdentities) {
		return nil, notAuthorized("Unauthenticated access is not supported for this identity pool.")
	}
	return out, s.linkNew(c, out)
}

// linkNew links the logins of a caller that its identity does not have yet.
func (s *Service) linkNew(c *door.Call, out *claimed) error {
	missing := false
	for _, one := range out.proofs {
		missing = missing || !has(out.who, one.login)
	}
	if !missing {
		return nil
	}
	return c.Commit(func(tx *store.Tx) error {
		_, now, err := anyIdentity(tx, out.who.ID)
		if err != nil {
			return err
		}
		if err := now.holds(out.proofs, out.own.id); err != nil {
			return err
		}
		for _, one := range out.proofs {
			other, err := byLogin(tx, now.Pool, one.login)
			if err != nil && !isMissing(err) {
				return err
			}
			if err == nil && other.ID != now.ID {
				return conflict(one.provider)
			}
			if err := now.link(one.login, false, c.Time); err != nil {
				return err
			}
		}
		out.who = now
		return identities.Put(tx, now.key(), now)
	})
}

func has(i *identity, l login) bool {
	for _, o := range i.Logins {
		if o == l {
			return true
		}
	}
	return false
}

// What STS takes of authentication methods.
const (
	mostMethods = 9
	mostMethod  = 64
)

// token makes a token of this service for an identity. It ends with the one that
// it is made for, if that was of this service: nobody makes the time longer that a
// developer gave.
func (s *Service) token(c *door.Call, o *claimed, life time.Duration, tags map[string]string) (string, error) {
	var methods []string
	if o.kind == known {
		for _, m := range o.who.methods() {
			if len(methods) < mostMethods && len(m) <= mostMethod {
				methods = append(methods, m)
			}
		}
	}
	if left := o.own.until.Sub(c.Time); o.own.id != "" {
		life = min(life, left)
	}
	claims := tokenClaims(o.pool, o.who, o.kind, c.Time, life, methods)
	if all := o.tags(tags); len(all) > 0 {
		claims["https://aws.amazon.com/tags"] = map[string]any{"principal_tags": all}
	}
	return s.sign(c, claims)
}

// tags are the principal tags of a session: those that a developer gives, and
// what the pool makes of the claims of the caller's providers.
func (o *claimed) tags(given map[string]string) map[string][]string {
	all := map[string][]string{}
	for key, value := range given {
		all[key] = []string{value}
	}
	for _, one := range o.proofs {
		m, mapped := o.pool.TagMaps[one.provider]
		if !mapped || one.claims == nil {
			continue
		}
		wanted := m.Tags
		if m.Defaults {
			wanted = map[string]string{"username": "sub", "client": "aud"}
		}
		for _, tag := range keysOf(wanted) {
			if value, ok := one.claims.Scalar(wanted[tag]); ok && value != "" {
				all[tag] = []string{value}
			} else if values, ok := one.claims.Texts(wanted[tag]); ok && len(values) == 1 {
				all[tag] = values
			}
		}
	}
	return all
}

func (s *Service) getOpenIDToken(c *door.Call, in *api.GetOpenIdTokenInput) (*api.GetOpenIdTokenResponse, error) {
	o, err := s.claim(c, val(in.IdentityId), in.Logins)
	if err != nil {
		return nil, err
	}
	if !val(o.pool.Spec.AllowClassicFlow) {
		return nil, invalid("Basic (classic) flow is not enabled, please use enhanced flow.")
	}
	token, err := s.token(c, o, tokenLife, nil)
	if err != nil {
		return nil, err
	}
	return &api.GetOpenIdTokenResponse{IdentityId: &o.who.ID, Token: &token}, nil
}

// narrow is what sessions of callers whom nobody knows can be used for, whatever
// their role allows
// (https://docs.aws.amazon.com/cognito/latest/developerguide/iam-roles.html#access-policies-scope-down-services).
const narrow = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Resource":"*","Action":["cognito-identity:*","cognito-sync:*","dynamodb:*",` +
	`"execute-api:*","kinesis:*","lambda:InvokeFunction","logs:*","s3:*","sns:*","sqs:*","cloudwatch:*","iot:*","lex:*","mobiletargeting:*",` +
	`"polly:*","rekognition:*","transcribe:*","translate:*","geo:*","firehose:*","comprehend:*","kinesisvideo:*"]}]}`

func (s *Service) getCredentials(c *door.Call, in *api.GetCredentialsForIdentityInput) (*api.GetCredentialsForIdentityResponse, error) {
	o, err := s.claim(c, val(in.IdentityId), in.Logins)
	if err != nil {
		return nil, err
	}
	proofs := o.proofs
	if o.kind == known && len(proofs) == 0 {
		proofs = []*proof{{provider: val(o.pool.Spec.DeveloperProviderName)}}
	}
	role, err := o.pool.roleFor(proofs, val(in.CustomRoleArn))
	if err != nil {
		return nil, err
	}
	token, err := s.token(c, o, tokenLife, nil)
	if err != nil {
		return nil, err
	}
	ask := &stsapi.AssumeRoleWithWebIdentityRequest{
		RoleArn: &role, RoleSessionName: ptr("CognitoIdentityCredentials"), WebIdentityToken: &token, DurationSeconds: ptr(int64(credentialLife / time.Second)),
	}
	if o.kind == unknown {
		ask.Policy = ptr(narrow)
	}
	as := door.ServicePrincipal(Provider, poolARN(o.pool.Account, o.pool.Region, o.pool.ID), o.pool.Account)
	got, err := door.Do(c, s.door, as, stsapi.OpAssumeRoleWithWebIdentity, ask)
	if err != nil {
		return nil, roleError(err)
	}
	c.Confide([]byte(val(got.Credentials.SecretAccessKey)))
	return &api.GetCredentialsForIdentityResponse{IdentityId: &o.who.ID, Credentials: &api.Credentials{
		AccessKeyId: got.Credentials.AccessKeyId, SecretKey: got.Credentials.SecretAccessKey,
		SessionToken: got.Credentials.SessionToken, Expiration: got.Credentials.Expiration,
	}}, nil
}

// roleError is what a caller is told whose role does not let the pool's callers
// take it: nothing of the role.
func roleError(err error) error {
	var wire *awsapi.Error
	if errors.As(err, &wire) && wire.Status >= 500 {
		return err
	}
	e := awsapi.Errorf("InvalidIdentityPoolConfigurationException", "Invalid identity pool configuration. Check assigned IAM roles for this pool.")
	e.Cause = err
	return e
}
