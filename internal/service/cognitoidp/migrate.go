package cognitoidp

import (
	"cloister/internal/store"
)

// migrate asks a function for somebody whom the pool does not know yet. The user
// whom it vouches for is pending: stored with what this step ends in. Whom it
// does not vouch for gives badCredentials.
func (at *attempt) migrate(name, text, source string) (*user, error) {
	var answer struct {
		Attributes  map[string]string `json:"userAttributes"`
		FinalStatus string            `json:"finalUserStatus"`
		Action      string            `json:"messageAction"`
		Mediums     []string          `json:"desiredDeliveryMediums"`
		Force       bool              `json:"forceAliasCreation"`
	}
	request := map[string]any{"validationData": at.metadata}
	if text != "" {
		request["password"] = text
	}
	if at.metadata != nil {
		request["clientMetadata"] = at.metadata
	}
	e := &event{TriggerSource: source, UserName: name, Request: request}
	e.CallerContext.ClientID = at.client.ID
	err := at.s.trigger(at.c, at.p, at.p.Spec.LambdaConfig.UserMigration, "UserMigration", e, &answer)
	if isCode(err, "UserLambdaValidationException") || err == nil && len(answer.Attributes) == 0 {
		return nil, badCredentials()
	}
	if err != nil {
		return nil, err
	}
	delete(answer.Attributes, "sub")
	delete(answer.Attributes, "username")
	if err := at.p.checkAttributes(answer.Attributes, true, true); err != nil {
		return nil, badLambda("UserMigration")
	}
	u, err := at.p.newUser(name, answer.Attributes, at.c.Time)
	if err != nil {
		return nil, err
	}
	switch answer.FinalStatus {
	case resetRequired, forceChange:
		u.Status = answer.FinalStatus
	default:
		u.Status = confirmed
	}
	if text != "" {
		if u.Password, err = at.s.newPassword(at.c, at.p, u.Name, text, u.Status == forceChange, at.c.Time); err != nil {
			return nil, err
		}
	}
	at.pending = append(at.pending, func(tx *store.Tx) error {
		if answer.Force {
			if err := takeAliases(tx, at.p, u, at.c.Time); err != nil {
				return err
			}
		}
		stored := *u
		return at.p.insert(tx, &stored)
	})
	return u, nil
}
