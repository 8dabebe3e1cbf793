package cognitoidp

import (
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	api "cloister/internal/awsapi/cognitoidp"
	"cloister/internal/store"
)

// respond takes an answer to a challenge.
func (at *attempt) respond(challenge, session string, given map[string]string) (*api.InitiateAuthResponse, error) {
	name := given["USERNAME"]
	if name == "" {
		return nil, invalid("Missing required parameter USERNAME")
	}
	if challenge == passwordVerifier {
		return at.proof(given)
	}
	switch challenge {
	case newPasswordReq, totpMFA, smsMFA, selectMFA, mfaSetup, customChallenge:
	default:
		return nil, invalid("The challenge %s is not available on this node.", challenge)
	}
	if session == "" {
		return nil, invalid("Missing required parameter Session")
	}
	if err := at.resume(session, challenge); err != nil {
		return nil, err
	}
	u, err := at.user()
	if err != nil {
		return nil, err
	}
	names := []string{name}
	if u != nil {
		names = append(names, u.Name)
	}
	if err := at.client.checkSecret(given["SECRET_HASH"], names...); err != nil {
		return nil, err
	}
	if u == nil && challenge == customChallenge {
		return at.answerCustom(nil, given["ANSWER"])
	}
	if u == nil || !at.sameName(u, name) {
		return nil, notAuthorized("Invalid session for the user.")
	}
	if !u.Enabled {
		return nil, notAuthorized("User is disabled.")
	}
	switch challenge {
	case newPasswordReq:
		return at.setNewPassword(u, given)
	case totpMFA:
		return at.answerTOTP(u, given["SOFTWARE_TOKEN_MFA_CODE"])
	case smsMFA:
		return at.answerSMS(u, given["SMS_MFA_CODE"])
	case selectMFA:
		if !containsText(at.state.Factors, given["ANSWER"]) {
			return nil, invalid("ANSWER is not one of the MFA options of the user.")
		}
		return at.askFactor(u, given["ANSWER"])
	case mfaSetup:
		return at.factorSetUp(u)
	}
	return at.answerCustom(u, given["ANSWER"])
}

func (at *attempt) sameName(u *user, name string) bool {
	return at.p.fold(name) == u.Key || name == at.state.Name || name == u.Sub
}

// clientTime is how old the time in a proof may be, and how far ahead.
const clientTime = 5 * time.Minute

const proofLayout = "Mon Jan 2 15:04:05 UTC 2006"

// proof checks an SRP proof.
func (at *attempt) proof(given map[string]string) (*api.InitiateAuthResponse, error) {
	for _, name := range []string{"PASSWORD_CLAIM_SIGNATURE", "PASSWORD_CLAIM_SECRET_BLOCK", "TIMESTAMP"} {
		if given[name] == "" {
			return nil, invalid("Missing required parameter %s", name)
		}
	}
	block, err := at.resumeBlock(given["PASSWORD_CLAIM_SECRET_BLOCK"])
	if err != nil {
		return nil, err
	}
	u, err := at.user()
	if err != nil {
		return nil, err
	}
	shown := u
	if u == nil {
		shown = at.p.pretended(at.state.Name)
	}
	if err := at.client.checkSecret(given["SECRET_HASH"], given["USERNAME"], shown.Name); err != nil {
		return nil, err
	}
	if at.state.SRP == nil || given["USERNAME"] != shown.Name && !at.sameName(shown, given["USERNAME"]) {
		return nil, badCredentials()
	}
	who := at.guess(u, at.state.Name)
	if err := at.mayGuess(who); err != nil {
		return nil, err
	}
	signature, err := base64.StdEncoding.DecodeString(given["PASSWORD_CLAIM_SIGNATURE"])
	if err != nil {
		return nil, badCredentials()
	}
	said, err := time.Parse(proofLayout, given["TIMESTAMP"])
	if err != nil || at.c.Time.Sub(said).Abs() > clientTime {
		return nil, invalid("TIMESTAMP format should be EEE MMM d HH:mm:ss z yyyy in english, and close to the present.")
	}
	_, verifier, id := at.verifier(u, shown)
	right := at.state.SRP.Verify(verifier.Reveal(), at.p.shortID(), id, block, given["TIMESTAMP"], signature)
	if !right || u == nil || u.Password == nil {
		return nil, badCredentials()
	}
	at.guessedRight(who)
	at.state.SRP = nil
	if err := at.usable(u); err != nil {
		return nil, err
	}
	if at.state.Custom {
		at.state.History = append(at.state.History, custom{Name: passwordVerifier, Right: true})
		return at.nextCustom(u)
	}
	return at.passed(u)
}

// newPasswordChallenge asks for a password of the user's own.
func (at *attempt) newPasswordChallenge(u *user) (*api.InitiateAuthResponse, error) {
	shown := map[string]string{}
	for name, value := range u.Attributes {
		shown[name] = value
	}
	attributes, err := json.Marshal(shown)
	if err != nil {
		return nil, err
	}
	missing := []string{}
	for _, a := range at.p.Spec.SchemaAttributes {
		if val(a.Required) && *a.Name != "sub" && u.Attributes[*a.Name] == "" {
			missing = append(missing, "userAttributes."+*a.Name)
		}
	}
	required, err := json.Marshal(missing)
	if err != nil {
		return nil, err
	}
	return at.challenge(newPasswordReq, map[string]string{
		"USER_ID_FOR_SRP": u.Name, "requiredAttributes": string(required), "userAttributes": string(attributes),
	})
}

func (at *attempt) setNewPassword(u *user, given map[string]string) (*api.InitiateAuthResponse, error) {
	text := given["NEW_PASSWORD"]
	if text == "" {
		return nil, invalid("Missing required parameter NEW_PASSWORD")
	}
	if u.Status != forceChange {
		return nil, notAuthorized("Invalid session for the user.")
	}
	attributes := map[string]string{}
	for name, value := range given {
		if bare, ok := strings.CutPrefix(name, "userAttributes."); ok {
			attributes[bare] = value
		}
	}
	if err := at.p.accepts(text); err != nil {
		return nil, err
	}
	if err := at.mayWrite(attributes); err != nil {
		return nil, err
	}
	if err := at.p.checkAttributes(attributes, false, false); err != nil {
		return nil, err
	}
	after := map[string]string{}
	for name, value := range u.Attributes {
		after[name] = value
	}
	for name, value := range attributes {
		after[name] = value
	}
	if err := at.p.checkRequired(after); err != nil {
		return nil, err
	}
	hashed, err := at.s.newPassword(at.c, at.p, u.Name, text, false, at.c.Time)
	if err != nil {
		return nil, err
	}
	change := func(u *user) {
		u.Password, u.Status = hashed, confirmed
		u.setAttributes(at.p, attributes)
	}
	at.pending = append(at.pending, func(tx *store.Tx) error {
		stored, err := users.Get(tx, u.key())
		if err != nil {
			return err
		}
		if stored.Status != forceChange || !samePassword(stored, u) {
			return notAuthorized("Invalid session for the user.")
		}
		change(stored)
		return at.p.put(tx, stored, at.c.Time)
	})
	now := *u
	now.Attributes = after
	change(&now)
	at.state.Stamp = now.stamp()
	return at.secondFactor(&now, "TokenGeneration_NewPasswordChallenge", nil)
}

func (at *attempt) mayWrite(attributes map[string]string) error {
	for name := range attributes {
		if !at.client.mayWrite(name) {
			return notAuthorized("A client attempted to write unauthorized attribute")
		}
	}
	return nil
}

// askFactor asks for the code of a second factor.
func (at *attempt) askFactor(u *user, factor string) (*api.InitiateAuthResponse, error) {
	if factor == totpMFA {
		parameters := map[string]string{"USER_ID_FOR_SRP": u.Name}
		if u.TOTP != nil && u.TOTP.Name != "" {
			parameters["FRIENDLY_DEVICE_NAME"] = u.TOTP.Name
		}
		return at.challenge(totpMFA, parameters)
	}
	to := deliveryTo(u, "phone_number")
	at.state.Code = random(digits, 6)
	text, err := at.s.compose(at.c, at.p, at.client, u, "CustomMessage_Authentication", at.p.authentication(), at.state.Code, at.metadata)
	if err != nil {
		return nil, err
	}
	if err := at.flush(func(tx *store.Tx) error { return at.p.send(tx, at.c.Time, to, text) }); err != nil {
		return nil, err
	}
	return at.challenge(smsMFA, map[string]string{
		"CODE_DELIVERY_DELIVERY_MEDIUM": "SMS", "CODE_DELIVERY_DESTINATION": masked(to.to), "USER_ID_FOR_SRP": u.Name,
	})
}

func (at *attempt) selectFactor(u *user, factors []string) (*api.InitiateAuthResponse, error) {
	at.state.Factors = factors
	text, err := json.Marshal(factors)
	if err != nil {
		return nil, err
	}
	return at.challenge(selectMFA, map[string]string{"MFAS_CAN_CHOOSE": string(text), "USER_ID_FOR_SRP": u.Name})
}

// setUpFactor has a user set up a factor, in a pool that asks for one.
func (at *attempt) setUpFactor(u *user) (*api.InitiateAuthResponse, error) {
	can := []string{}
	if at.p.TOTP {
		can = append(can, totpMFA)
	}
	if at.p.SMS != nil {
		can = append(can, smsMFA)
	}
	text, err := json.Marshal(can)
	if err != nil {
		return nil, err
	}
	return at.challenge(mfaSetup, map[string]string{"MFAS_CAN_SETUP": string(text), "USER_ID_FOR_SRP": u.Name})
}

// factorSetUp lets a user in whose new device has shown a code.
func (at *attempt) factorSetUp(u *user) (*api.InitiateAuthResponse, error) {
	if !at.state.SeedOK {
		return nil, notAuthorized("Software token TOTP has not been verified.")
	}
	st := at.state
	st.Factor = true
	return at.finish(u, "TokenGeneration_Authentication", func(tx *store.Tx, u *user) error {
		if u.TOTP != nil && u.TOTP.Verified {
			return notAuthorized("Invalid session for the user.")
		}
		u.TOTP = newDevice(st.Seed, st.SeedStep, st.SeedName)
		return at.p.put(tx, u, at.c.Time)
	})
}

// factorGuess counts guesses of second factors, apart from those of passwords.
func (at *attempt) factorGuess(u *user) (string, error) {
	who := at.p.ID + "\x00" + u.Key + "\x00factor"
	if !at.s.codes.may(who, at.c.Subscriber(), at.c.Time) || at.s.codes.guesses(at.state.ID) > guessesOfCode {
		return who, notAuthorized("Invalid session for the user, session is expired.")
	}
	return who, nil
}

func (at *attempt) answerTOTP(u *user, text string) (*api.InitiateAuthResponse, error) {
	if text == "" {
		return nil, invalid("Missing required parameter SOFTWARE_TOKEN_MFA_CODE")
	}
	who, err := at.factorGuess(u)
	if err != nil {
		return nil, err
	}
	step, ok := int64(0), false
	if u.TOTP != nil && u.TOTP.Verified {
		step, ok = matchCode(u.TOTP.Seed, text, at.c.Time)
	}
	if !ok {
		at.s.codes.guessed(at.state.ID, at.c.Time)
		return nil, codeWrong("Invalid code received for user")
	}
	if step <= u.TOTP.Used {
		return nil, expiredTOTP()
	}
	at.s.codes.right(who, at.c.Subscriber(), at.c.Time)
	at.state.Factor = true
	return at.afterFactor(u, func(tx *store.Tx, u *user) error {
		if u.TOTP == nil || step <= u.TOTP.Used {
			return expiredTOTP()
		}
		u.TOTP.Used = step
		return users.Put(tx, u.key(), u)
	})
}

func (at *attempt) answerSMS(u *user, text string) (*api.InitiateAuthResponse, error) {
	if text == "" {
		return nil, invalid("Missing required parameter SMS_MFA_CODE")
	}
	who, err := at.factorGuess(u)
	if err != nil {
		return nil, err
	}
	if at.state.Code == "" || subtle.ConstantTimeCompare([]byte(at.state.Code), []byte(text)) != 1 {
		at.s.codes.guessed(at.state.ID, at.c.Time)
		return nil, codeWrong("Invalid code or auth state for the user.")
	}
	at.s.codes.right(who, at.c.Subscriber(), at.c.Time)
	at.state.Factor = true
	return at.afterFactor(u, nil)
}

func (at *attempt) afterFactor(u *user, change func(tx *store.Tx, u *user) error) (*api.InitiateAuthResponse, error) {
	return at.finish(u, "TokenGeneration_Authentication", change)
}
