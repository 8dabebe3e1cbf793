package lambda

import (
	"cloister/internal/door"
	"cloister/internal/guardrail"
	"cloister/internal/store"
)

// urlPart is a URL among the parts of its function, to the guardrails.
func urlPart(f ref) string {
	if f.Qualifier == "" {
		return "function URL"
	}
	return "function URL of " + f.Qualifier
}

// guardURL asks the guardrails about a URL as it is about to be.
func (s *Service) guardURL(c *door.Call, tx *store.Tx, u *functionURL) error {
	fn, err := functions.Get(tx, u.ref().key())
	if err != nil {
		return err
	}
	return s.guardOpenURL(c, tx, u, fn.Tags)
}

func (s *Service) guardOpenURL(c *door.Call, tx *store.Tx, u *functionURL, tags map[string]string) error {
	f := u.ref()
	return s.guard.OpenRoute(tx, &guardrail.Subject{Account: f.Account, Resource: f.functionARN(), Part: urlPart(f), Time: c.Time}, u.open(), tags)
}

// guardURLTags asks about a function's URLs when its tags change, which may have
// declared them public.
func (s *Service) guardURLTags(c *door.Call, tx *store.Tx, f ref, tags map[string]string) error {
	for item, err := range urls.Scan(tx, f.key(), nil) {
		if err != nil {
			return err
		}
		if err := s.guardOpenURL(c, tx, item.Value, tags); err != nil {
			return err
		}
	}
	return nil
}

func urlGone(c *door.Call, tx *store.Tx, f ref) error {
	return guardrail.Gone(tx, f.Account, f.functionARN(), urlPart(f), c.Time)
}
