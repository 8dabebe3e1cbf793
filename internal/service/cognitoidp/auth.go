package cognitoidp

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"time"

	api "cloister/internal/awsapi/cognitoidp"
	"cloister/internal/door"
	"cloister/internal/seal"
	"cloister/internal/service/cognitoidp/srp"
	"cloister/internal/store"
)

func (s *Service) registerAuth(d *door.Door) {
	door.Act(d, api.OpInitiateAuth, door.Public[api.InitiateAuthRequest](), func(c *door.Call, in *api.InitiateAuthRequest) (*api.InitiateAuthResponse, error) {
		at, err := s.arrive(c, in.ClientId, nil)
		if err != nil {
			return nil, err
		}
		at.metadata = in.ClientMetadata
		return at.initiate(val(in.AuthFlow), in.AuthParameters)
	})
	door.Act(d, api.OpAdminInitiateAuth, onPool("AdminInitiateAuth", func(in *api.AdminInitiateAuthRequest) *string { return in.UserPoolId }),
		func(c *door.Call, in *api.AdminInitiateAuthRequest) (*api.AdminInitiateAuthResponse, error) {
			at, err := s.arrive(c, in.ClientId, in.UserPoolId)
			if err != nil {
				return nil, err
			}
			at.metadata = in.ClientMetadata
			out, err := at.initiate(val(in.AuthFlow), in.AuthParameters)
			if err != nil {
				return nil, err
			}
			return &api.AdminInitiateAuthResponse{ChallengeName: out.ChallengeName, ChallengeParameters: out.ChallengeParameters, Session: out.Session, AuthenticationResult: out.AuthenticationResult}, nil
		})
	door.Act(d, api.OpRespondToAuthChallenge, door.Public[api.RespondToAuthChallengeRequest](), func(c *door.Call, in *api.RespondToAuthChallengeRequest) (*api.RespondToAuthChallengeResponse, error) {
		at, err := s.arrive(c, in.ClientId, nil)
		if err != nil {
			return nil, err
		}
		at.metadata = in.ClientMetadata
		out, err := at.respond(val(in.ChallengeName), val(in.Session), in.ChallengeResponses)
		if err != nil {
			return nil, err
		}
		return &api.RespondToAuthChallengeResponse{ChallengeName: out.ChallengeName, ChallengeParameters: out.ChallengeParameters, Session: out.Session, AuthenticationResult: out.AuthenticationResult}, nil
	})
	door.Act(d, api.OpAdminRespondToAuthChallenge, onPool("AdminRespondToAuthChallenge", func(in *api.AdminRespondToAuthChallengeRequest) *string { return in.UserPoolId }),
		func(c *door.Call, in *api.AdminRespondToAuthChallengeRequest) (*api.AdminRespondToAuthChallengeResponse, error) {
			at, err := s.arrive(c, in.ClientId, in.UserPoolId)
			if err != nil {
				return nil, err
			}
			at.metadata = in.ClientMetadata
			out, err := at.respond(val(in.ChallengeName), val(in.Session), in.ChallengeResponses)
			if err != nil {
				return nil, err
			}
			return &api.AdminRespondToAuthChallengeResponse{ChallengeName: out.ChallengeName, ChallengeParameters: out.ChallengeParameters, Session: out.Session, AuthenticationResult: out.AuthenticationResult}, nil
		})
	door.Act(d, api.OpGetTokensFromRefreshToken, door.Public[api.GetTokensFromRefreshTokenRequest](), s.tokensFromRefreshToken)
	door.Act(d, api.OpRevokeToken, door.Public[api.RevokeTokenRequest](), s.revokeToken)
}

// attempt is a step of a sign-in.
type attempt struct {
	s        *Service
	c        *door.Call
	p        *pool
	client   *client
	admin    bool
	metadata map[string]string
	hosted   *hostedSignIn // nil unless the pages of the pool's domain ask
	state    *state
	// pending is what this step changes, written with what it ends in: a call
	// commits once.
	pending []func(tx *store.Tx) error
}

// flush commits what is pending, and last with it.
func (at *attempt) flush(last func(tx *store.Tx) error) error {
	pending := at.pending
	if last != nil {
		pending = append(pending, last)
	}
	if len(pending) == 0 {
		return nil
	}
	at.pending = nil
	return at.c.Commit(func(tx *store.Tx) error { return inTurn(tx, pending) })
}

func inTurn(tx *store.Tx, changes []func(tx *store.Tx) error) error {
	for _, change := range changes {
		if err := change(tx); err != nil {
			return err
		}
	}
	return nil
}

// arrive finds the client of a call, of the pool of an administrator's call. The
// call is then one of the pool's account and region.
func (s *Service) arrive(c *door.Call, clientID, poolID *string) (*attempt, error) {
	at := &attempt{s: s, c: c, admin: poolID != nil}
	err := c.View(func(r store.Reader) (err error) {
		if poolID != nil {
			if at.p, err = poolOf(c, r, poolID); err == nil {
				at.client, err = clientOf(r, at.p, clientID)
			}
			return err
		}
		at.client, at.p, err = clientAndPool(r, val(clientID))
		return err
	})
	if err != nil {
		return nil, err
	}
	c.Account, c.Region = at.p.Account, at.p.Region
	return at, nil
}

func clientAndPool(r store.Reader, id string) (*client, *pool, error) {
	cl, err := clients.Get(r, store.K(id))
	if isMissing(err) {
		return nil, nil, noClient(id)
	}
	if err != nil {
		return nil, nil, err
	}
	p, err := pools.Get(r, store.K(cl.Pool))
	if isMissing(err) {
		err = noClient(id)
	}
	return cl, p, err
}

// checkSecret refuses a caller who does not know the client's secret. Any of
// the names may be the one that the hash is of
// (https://docs.aws.amazon.com/cognito/latest/developerguide/signing-up-users-in-your-app.html).
func (c *client) checkSecret(given string, names ...string) error {
	if c.Secret.Empty() {
		if given != "" {
			return notAuthorized("Client %s is not configured for secret but secret was received", c.ID)
		}
		return nil
	}
	if given == "" {
		return notAuthorized("Client %s is configured with secret but SECRET_HASH was not received", c.ID)
	}
	for _, name := range names {
		if hmac.Equal([]byte(c.secretHash(name)), []byte(given)) {
			return nil
		}
	}
	return notAuthorized("Unable to verify secret hash for client %s", c.ID)
}

// secretHash is the one of a name, by the client's secret.
func (c *client) secretHash(name string) string {
	m := hmac.New(sha256.New, c.Secret.Reveal())
	m.Write([]byte(name + c.ID))
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}

func (at *attempt) initiate(flow string, given map[string]string) (*api.InitiateAuthResponse, error) {
	needs := map[string]string{
		"USER_SRP_AUTH": "ALLOW_USER_SRP_AUTH", "USER_PASSWORD_AUTH": "ALLOW_USER_PASSWORD_AUTH", "CUSTOM_AUTH": "ALLOW_CUSTOM_AUTH",
		"ADMIN_USER_PASSWORD_AUTH": "ALLOW_ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH": "ALLOW_ADMIN_USER_PASSWORD_AUTH",
		"REFRESH_TOKEN_AUTH": "ALLOW_REFRESH_TOKEN_AUTH", "REFRESH_TOKEN": "ALLOW_REFRESH_TOKEN_AUTH",
	}[flow]
	if (flow == "ADMIN_USER_PASSWORD_AUTH" || flow == "ADMIN_NO_SRP_AUTH") && !at.admin {
		return nil, invalid("Initiate Auth method not supported.")
	}
	if flow == "USER_PASSWORD_AUTH" && at.admin {
		return nil, invalid("Initiate Auth method not supported.")
	}
	if needs == "" {
		return nil, invalid("Initiate Auth method not supported.")
	}
	if !at.client.allows(needs) {
		if at.admin || needs == "ALLOW_ADMIN_USER_PASSWORD_AUTH" {
			return nil, invalid("Auth flow not enabled for this client")
		}
		return nil, invalid("%s flow not enabled for this client", flow)
	}
	if given["DEVICE_KEY"] != "" {
		return nil, invalid("Devices are not remembered on this node: leave DEVICE_KEY out.")
	}
	if needs == "ALLOW_REFRESH_TOKEN_AUTH" {
		return at.withRefreshToken(given)
	}
	name := given["USERNAME"]
	if name == "" {
		return nil, invalid("Missing required parameter USERNAME")
	}
	if err := at.client.checkSecret(given["SECRET_HASH"], name); err != nil {
		return nil, err
	}
	switch flow {
	case "USER_SRP_AUTH":
		return at.withSRP(name, given)
	case "CUSTOM_AUTH":
		return at.withCustom(name, given)
	}
	return at.withPassword(name, given)
}

func (at *attempt) withRefreshToken(given map[string]string) (*api.InitiateAuthResponse, error) {
	token := given["REFRESH_TOKEN"]
	if token == "" {
		return nil, invalid("Missing required parameter REFRESH_TOKEN")
	}
	names := []string{given["USERNAME"]}
	err := at.c.View(func(r store.Reader) error {
		from, err := at.s.openRefresh(r, at.p, at.client, token, at.c.Time)
		if err == nil {
			names = append(names, from.u.Name, from.u.Sub)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := at.client.checkSecret(given["SECRET_HASH"], names...); err != nil {
		return nil, err
	}
	out, err := at.s.refresh(at.c, at.p, at.client, token, at.metadata)
	if err != nil {
		return nil, err
	}
	return &api.InitiateAuthResponse{AuthenticationResult: out, ChallengeParameters: map[string]string{}}, nil
}

// find finds the user of a name. Of one that nobody has it gives nil, or an error
// where callers may know.
func (at *attempt) find(name string) (*user, error) {
	var u *user
	err := at.c.View(func(r store.Reader) (err error) {
		u, err = findUser(r, at.p, name)
		return err
	})
	if isMissing(err) {
		if at.client.hides() || at.hosted != nil {
			return nil, nil
		}
		return nil, noUser()
	}
	return u, err
}

// guess is the name under which wrong passwords of a user are counted.
func (at *attempt) guess(u *user, name string) string {
	if u != nil {
		return at.p.ID + "\x00" + u.Key
	}
	return at.p.ID + "\x00?" + at.p.fold(name)
}

func (at *attempt) mayGuess(who string) error {
	if !at.s.passwords.may(who, at.c.Subscriber(), at.c.Time) {
		return notAuthorized("Password attempts exceeded")
	}
	return nil
}

func (at *attempt) guessedRight(who string) { at.s.passwords.right(who, at.c.Subscriber(), at.c.Time) }

func (at *attempt) withPassword(name string, given map[string]string) (*api.InitiateAuthResponse, error) {
	text := given["PASSWORD"]
	if text == "" {
		return nil, invalid("Missing required parameter PASSWORD")
	}
	u, err := at.checkPassword(name, text)
	if err != nil {
		return nil, err
	}
	return at.passed(u)
}

// checkPassword tells whose the name is if the password is theirs too.
func (at *attempt) checkPassword(name, text string) (*user, error) {
	u, err := at.find(name)
	missing := u == nil && err == nil || isCode(err, "UserNotFoundException")
	if err != nil && !missing {
		return nil, err
	}
	who := at.guess(u, name)
	if err := at.mayGuess(who); err != nil {
		return nil, err
	}
	if missing && at.p.Spec.LambdaConfig.UserMigration != nil && len(text) <= longestPassword {
		if u, err = at.migrate(name, text, "UserMigration_Authentication"); err != nil {
			return nil, err
		}
		at.guessedRight(who)
		return u, at.usable(u)
	}
	shown := u
	if u == nil {
		shown = at.p.pretended(name)
	}
	if u != nil || at.client.hides() {
		if err := at.s.preAuthentication(at.c, at.p, at.client, shown, at.metadata, u == nil); err != nil {
			return nil, err
		}
	}
	var kept *password
	if u != nil {
		kept = u.Password
	}
	ok, hashErr := at.s.isPassword(at.c, kept, text)
	switch {
	case hashErr != nil:
		return nil, hashErr
	case err != nil:
		return nil, err // nobody has the name, and callers may know
	case !ok:
		return nil, badCredentials()
	}
	at.guessedRight(who)
	return u, at.usable(u)
}

// usable refuses a user who may not sign in, after the password was right.
func (at *attempt) usable(u *user) error {
	switch {
	case !u.Enabled:
		return notAuthorized("User is disabled.")
	case u.Status == unconfirmed:
		return userNotConfirmed()
	case u.Status == resetRequired:
		return passwordResetRequired()
	case u.Status == forceChange && at.p.expired(u, at.c.Time):
		return notAuthorized("Temporary password has expired and must be reset by an administrator.")
	}
	return nil
}

func (at *attempt) withSRP(name string, given map[string]string) (*api.InitiateAuthResponse, error) {
	exchange, err := srp.NewExchange(given["SRP_A"])
	if given["SRP_A"] == "" {
		return nil, invalid("Missing required parameter SRP_A")
	}
	if err != nil {
		return nil, invalid("SRP_A is not a valid public value")
	}
	u, err := at.find(name)
	if err != nil {
		return nil, err
	}
	shown := u
	if u == nil {
		shown = at.p.pretended(name)
	}
	if err := at.s.preAuthentication(at.c, at.p, at.client, shown, at.metadata, u == nil); err != nil {
		return nil, err
	}
	at.state = at.newState(u, name)
	at.state.SRP = exchange
	return at.srpChallenge(u, shown)
}

// srpChallenge asks for the proof of a password; of a user who has none, or who
// is not, as of any other.
func (at *attempt) srpChallenge(u, shown *user) (*api.InitiateAuthResponse, error) {
	salt, verifier, id := at.verifier(u, shown)
	at.state.Challenge = passwordVerifier
	block, err := at.s.sealFor(stateTable, at.client.ID, at.state)
	if err != nil {
		return nil, err
	}
	blob, err := base64.RawURLEncoding.DecodeString(block)
	if err != nil {
		return nil, err
	}
	return &api.InitiateAuthResponse{ChallengeName: ptr(passwordVerifier), ChallengeParameters: map[string]string{
		"SALT": hex.EncodeToString(salt), "SECRET_BLOCK": base64.StdEncoding.EncodeToString(blob), "SRP_B": at.state.SRP.Challenge(verifier.Reveal()),
		"USERNAME": id, "USER_ID_FOR_SRP": id,
	}}, nil
}

// verifier is what a proof is checked against, and the name that is part of it.
func (at *attempt) verifier(u, shown *user) (salt []byte, verifier seal.Secret, id string) {
	if u != nil && u.Password != nil {
		return u.Password.SRPSalt, u.Password.SRPVerifier, u.Password.SRPUser
	}
	salt = srp.Shape(at.p.derive("salt", shown.Name)[:srp.SaltSize])
	pretended := srp.Verifier(salt, at.p.shortID(), shown.Name, hex.EncodeToString(at.p.derive("password", shown.Name)))
	return salt, seal.NewSecret(pretended), shown.Name
}

// passed goes on when the first factor was right.
func (at *attempt) passed(u *user) (*api.InitiateAuthResponse, error) {
	if at.state == nil {
		at.state = at.newState(u, u.Name)
	}
	if u.Status == forceChange {
		return at.newPasswordChallenge(u)
	}
	return at.secondFactor(u, "TokenGeneration_Authentication", nil)
}

// secondFactor asks for one, if there is to be one, or lets the user in.
func (at *attempt) secondFactor(u *user, source string, change func(tx *store.Tx, u *user) error) (*api.InitiateAuthResponse, error) {
	if at.state.Factor {
		return at.finish(u, source, change)
	}
	mode, factors := val(at.p.Spec.MfaConfiguration), at.p.usableFactors(u)
	switch {
	case mode == "OFF" || mode == "OPTIONAL" && len(factors) == 0:
		return at.finish(u, source, change)
	case len(factors) == 0:
		return at.setUpFactor(u)
	case slices.Contains(factors, u.Preferred):
		return at.askFactor(u, u.Preferred)
	case len(factors) == 1:
		return at.askFactor(u, factors[0])
	}
	return at.selectFactor(u, factors)
}

func (p *pool) usableFactors(u *user) (all []string) {
	for _, f := range u.factors() {
		if f == totpMFA && p.TOTP || f == smsMFA && p.SMS != nil && u.Attributes["phone_number"] != "" {
			all = append(all, f)
		}
	}
	return all
}

// finish lets a user in.
func (at *attempt) finish(u *user, source string, change func(tx *store.Tx, u *user) error) (*api.InitiateAuthResponse, error) {
	if err := at.s.postAuthentication(at.c, at.p, at.client, u, at.metadata); err != nil {
		return nil, err
	}
	in := &signIn{
		p: at.p, client: at.client, u: u, scopes: []string{adminScope}, source: source, metadata: at.metadata,
		spend: at.state.ID, spendTo: at.state.Issued.Add(at.validity()), pending: at.pending, change: change,
	}
	if at.hosted != nil {
		return at.hosted.finish(at, in)
	}
	out, err := at.s.complete(at.c, in)
	if err != nil {
		return nil, err
	}
	return &api.InitiateAuthResponse{AuthenticationResult: out, ChallengeParameters: map[string]string{}}, nil
}

func (at *attempt) validity() time.Duration {
	return time.Duration(or(at.client.Spec.AuthSessionValidity, 3)) * time.Minute
}

func (s *Service) tokensFromRefreshToken(c *door.Call, in *api.GetTokensFromRefreshTokenRequest) (*api.GetTokensFromRefreshTokenResponse, error) {
	at, err := s.arrive(c, in.ClientId, nil)
	if err != nil {
		return nil, err
	}
	if err := at.client.authenticate(in.ClientSecret); err != nil {
		return nil, err
	}
	out, err := s.refresh(c, at.p, at.client, val(in.RefreshToken), in.ClientMetadata)
	if err != nil {
		return nil, err
	}
	return &api.GetTokensFromRefreshTokenResponse{AuthenticationResult: out}, nil
}

// authenticate checks the secret itself, of a client that has one.
func (c *client) authenticate(secret *string) error {
	switch {
	case c.Secret.Empty() && secret == nil:
		return nil
	case c.Secret.Empty() || secret == nil || !c.Secret.Equal(seal.NewSecret([]byte(*secret))):
		return notAuthorized("Invalid client secret.")
	}
	return nil
}

// revokeToken ends the sign-in of a refresh token. One that is none is revoked
// already (RFC 7009, section 2.2).
func (s *Service) revokeToken(c *door.Call, in *api.RevokeTokenRequest) (*api.RevokeTokenResponse, error) {
	at, err := s.arrive(c, in.ClientId, nil)
	if err != nil {
		return nil, err
	}
	if err := at.client.authenticate(in.ClientSecret); err != nil {
		return nil, err
	}
	if !val(at.client.Spec.EnableTokenRevocation) {
		return nil, unsupported("Token revocation is not enabled for the client")
	}
	return &api.RevokeTokenResponse{}, s.revoke(c, at, val(in.Token))
}

func (s *Service) revoke(c *door.Call, at *attempt, token string) error {
	var t refreshToken
	if len(token) > longestToken || s.openFor(refreshTable, at.client.ID, token, &t) != nil || t.Pool != at.p.ID {
		return awsapiUnsupportedToken()
	}
	return c.Commit(func(tx *store.Tx) error {
		err := grants.Delete(tx, store.K(t.Pool, t.User, t.Grant))
		if isMissing(err) {
			return nil
		}
		return err
	})
}
