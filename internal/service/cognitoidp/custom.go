package cognitoidp

import (
	"slices"

	api "cloister/internal/awsapi/cognitoidp"
	"cloister/internal/service/cognitoidp/srp"
)

// mostCustom bounds how long a custom sign-in may go on.
const mostCustom = 20

// withCustom begins a sign-in whose steps functions decide
// (https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-challenge.html).
func (at *attempt) withCustom(name string, given map[string]string) (*api.InitiateAuthResponse, error) {
	if at.p.Spec.LambdaConfig.DefineAuthChallenge == nil {
		return nil, invalid("Custom auth lambda trigger is not configured for the user pool.")
	}
	u, err := at.find(name)
	if err != nil {
		return nil, err
	}
	shown := u
	if u == nil {
		shown = at.p.pretended(name)
	}
	if u != nil {
		if err := at.usable(u); err != nil {
			return nil, err
		}
	}
	if err := at.s.preAuthentication(at.c, at.p, at.client, shown, at.metadata, u == nil); err != nil {
		return nil, err
	}
	at.state = at.newState(u, name)
	at.state.Custom = true
	if given["CHALLENGE_NAME"] == "SRP_A" {
		exchange, err := srp.NewExchange(given["SRP_A"])
		if err != nil {
			return nil, invalid("SRP_A is not a valid public value")
		}
		at.state.SRP, at.state.History = exchange, []custom{{Name: "SRP_A", Right: true}}
	}
	return at.nextCustom(u)
}

// nextCustom asks the functions what comes next. Somebody who is not is asked
// on, and never let in.
func (at *attempt) nextCustom(u *user) (*api.InitiateAuthResponse, error) {
	if len(at.state.History) > mostCustom {
		return nil, notAuthorized("Incorrect username or password.")
	}
	shown := u
	if u == nil {
		shown = at.p.pretended(at.state.Name)
	}
	history := slices.Clone(at.state.History)
	if history == nil {
		history = []custom{}
	}
	var next struct {
		Challenge string `json:"challengeName"`
		Issue     bool   `json:"issueTokens"`
		Fail      bool   `json:"failAuthentication"`
	}
	e := eventFor("DefineAuthChallenge_Authentication", at.client, shown, at.metadata, map[string]any{"session": history, "userNotFound": u == nil})
	if err := at.s.trigger(at.c, at.p, at.p.Spec.LambdaConfig.DefineAuthChallenge, "DefineAuthChallenge", e, &next); err != nil {
		return nil, err
	}
	switch {
	case next.Fail, next.Issue && u == nil:
		return nil, badCredentials()
	case next.Issue:
		return at.secondFactor(u, "TokenGeneration_Authentication", nil)
	case next.Challenge == passwordVerifier && at.state.SRP != nil:
		return at.srpChallenge(u, shown)
	case next.Challenge == customChallenge:
		return at.createCustom(shown, u == nil, history)
	}
	return nil, badLambda("DefineAuthChallenge")
}

func (at *attempt) createCustom(shown *user, missing bool, history []custom) (*api.InitiateAuthResponse, error) {
	if at.p.Spec.LambdaConfig.CreateAuthChallenge == nil {
		return nil, invalid("Custom auth lambda trigger is not configured for the user pool.")
	}
	var made struct {
		Public   map[string]string `json:"publicChallengeParameters"`
		Private  map[string]string `json:"privateChallengeParameters"`
		Metadata string            `json:"challengeMetadata"`
	}
	e := eventFor("CreateAuthChallenge_Authentication", at.client, shown, at.metadata, map[string]any{
		"challengeName": customChallenge, "session": history, "userNotFound": missing,
	})
	if err := at.s.trigger(at.c, at.p, at.p.Spec.LambdaConfig.CreateAuthChallenge, "CreateAuthChallenge", e, &made); err != nil {
		return nil, err
	}
	at.state.Private = made.Private
	at.state.History = append(at.state.History, custom{Name: customChallenge, Metadata: made.Metadata})
	parameters := map[string]string{"USERNAME": shown.Name}
	for name, value := range made.Public {
		parameters[name] = value
	}
	return at.challenge(customChallenge, parameters)
}

// answerCustom has a function look at an answer.
func (at *attempt) answerCustom(u *user, answer string) (*api.InitiateAuthResponse, error) {
	if answer == "" {
		return nil, invalid("Missing required parameter ANSWER")
	}
	if !at.state.Custom || len(at.state.History) == 0 || at.p.Spec.LambdaConfig.VerifyAuthChallengeResponse == nil {
		return nil, notAuthorized("Invalid session for the user.")
	}
	shown := u
	if u == nil {
		shown = at.p.pretended(at.state.Name)
	}
	who := at.guess(u, at.state.Name) + "\x00custom"
	if err := at.mayGuess(who); err != nil {
		return nil, err
	}
	var verdict struct {
		Right bool `json:"answerCorrect"`
	}
	e := eventFor("VerifyAuthChallengeResponse_Authentication", at.client, shown, at.metadata, map[string]any{
		"privateChallengeParameters": at.state.Private, "challengeAnswer": answer, "userNotFound": u == nil,
	})
	if err := at.s.trigger(at.c, at.p, at.p.Spec.LambdaConfig.VerifyAuthChallengeResponse, "VerifyAuthChallengeResponse", e, &verdict); err != nil {
		return nil, err
	}
	if verdict.Right {
		at.guessedRight(who)
	}
	at.state.History[len(at.state.History)-1].Right = verdict.Right
	at.state.Private = nil
	return at.nextCustom(u)
}
