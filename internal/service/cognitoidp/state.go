package cognitoidp

import (
	"encoding/base64"
	"strings"
	"time"

	api "cloister/internal/awsapi/cognitoidp"
	"cloister/internal/service/cognitoidp/srp"
	"cloister/internal/store"
)

// state is what a client carries from one step of a sign-in to the next, sealed.
// The id stays the same all through: one beginning ends in one sign-in.
type state struct {
	ID, Pool, User string // User is empty for one who is not
	Stamp          string // of the user when the password was right
	Name           string // as it was given
	Challenge      string // that is to be answered
	Issued         time.Time
	SRP            *srp.Exchange `json:",omitempty"`
	Factor         bool          `json:",omitempty"` // the second one was right
	Seed           []byte        `json:",omitempty"` // of a TOTP device that is being set up
	SeedOK         bool          `json:",omitempty"`
	SeedStep       int64         `json:",omitempty"`
	SeedName       string        `json:",omitempty"`
	Code           string        `json:",omitempty"` // that was sent
	Factors        []string      `json:",omitempty"` // to choose among
	Custom         bool          `json:",omitempty"` // functions say what comes next
	History        []custom      `json:",omitempty"`
	Private        map[string]string

	sealed string // of the step that comes next, where it is taken at once
}

// custom is a challenge of a custom sign-in that was answered.
type custom struct {
	Name     string `json:"challengeName"`
	Right    bool   `json:"challengeResult"`
	Metadata string `json:"challengeMetadata,omitempty"`
}

const (
	passwordVerifier = "PASSWORD_VERIFIER"
	newPasswordReq   = "NEW_PASSWORD_REQUIRED"
	mfaSetup         = "MFA_SETUP"
	selectMFA        = "SELECT_MFA_TYPE"
	customChallenge  = "CUSTOM_CHALLENGE"
)

func (at *attempt) newState(u *user, name string) *state {
	st := &state{ID: random(mixedAlnum, 32), Pool: at.p.ID, Name: name, Issued: at.c.Time}
	if u != nil {
		st.User, st.Stamp = u.Key, u.stamp()
	}
	return st
}

// challenge asks for something.
func (at *attempt) challenge(name string, parameters map[string]string) (*api.InitiateAuthResponse, error) {
	at.state.Challenge = name
	session, err := at.s.sealFor(stateTable, at.client.ID, at.state)
	if err != nil {
		return nil, err
	}
	session = at.client.ID + "." + session
	if err := at.flush(nil); err != nil {
		return nil, err
	}
	return &api.InitiateAuthResponse{ChallengeName: &name, Session: &session, ChallengeParameters: parameters}, nil
}

// resume opens what a client carried. It is of this pool, has not run out, was
// not used up, and is for the challenge that is answered.
func (at *attempt) resume(session, challenge string) error {
	st := &state{}
	session = strings.TrimPrefix(session, at.client.ID+".")
	if len(session) > 64<<10 || at.s.openFor(stateTable, at.client.ID, session, st) != nil || st.Pool != at.p.ID || st.Challenge != challenge {
		return notAuthorized("Invalid session for the user.")
	}
	if at.c.Time.After(st.Issued.Add(at.validity())) {
		return notAuthorized("Invalid session for the user, session is expired.")
	}
	at.state = st
	return at.c.View(func(r store.Reader) error {
		_, err := spent.Get(r, store.K(st.ID))
		if isMissing(err) {
			return nil
		}
		if err != nil {
			return err
		}
		return notAuthorized("Invalid session for the user, session can only be used once.")
	})
}

// resumeBlock is resume for the block that an SRP client gives back.
func (at *attempt) resumeBlock(block string) ([]byte, error) {
	blob, err := base64.StdEncoding.DecodeString(block)
	if err != nil {
		return nil, notAuthorized("Incorrect username or password.")
	}
	return blob, at.resume(base64.RawURLEncoding.EncodeToString(blob), passwordVerifier)
}

// user reads the user of a sign-in, nil for one who is not.
func (at *attempt) user() (u *user, err error) {
	if at.state.User == "" {
		return nil, nil
	}
	err = at.c.View(func(r store.Reader) error {
		u, err = users.Get(r, store.K(at.p.ID, at.state.User))
		return err
	})
	if isMissing(err) {
		return nil, nil
	}
	if err == nil && u.stamp() != at.state.Stamp {
		return nil, nil // another one by now, or with another password
	}
	return u, err
}

// stamp is another one for another user of the name, and for another password.
func (u *user) stamp() string {
	if u.Password == nil {
		return u.Sub
	}
	return u.Sub + "." + base64.RawStdEncoding.EncodeToString(u.Password.Salt)
}
