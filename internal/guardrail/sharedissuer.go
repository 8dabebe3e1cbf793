package guardrail

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"cloister/internal/store"
	"cloister/policy"
)

// sharedIssuer is an identity provider where anybody can become a user, so that
// to trust it is to trust everybody, but for what a condition says of the token.
type sharedIssuer struct {
	name    string
	address string   // of the issuer, without https://
	subject []string // what strangers' tokens have as sub; WORD stands for a name of their own
	advice  string   // a condition that means somebody
	pools   bool     // it has a pool of users for each of its customers, whom aud names
}

// sharedIssuers are those of AWS's list of shared providers
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_oidc_secure-by-default.html)
// and others of the kind, with the forms of their subjects.
var sharedIssuers = []sharedIssuer{
	{
		"GitHub Actions", "token.actions.githubusercontent.com",
		[]string{"repo:WORD/WORD:ref:refs/heads/main", "repo:WORD/WORD:environment:production", "repo:WORD/WORD:pull_request", "repo:WORD@7/WORD@9:ref:refs/heads/main"},
		"repo:ORGANISATION/REPOSITORY:ref:refs/heads/main", false,
	},
	{name: "Cognito", address: "cognito-identity.amazonaws.com", subject: []string{"us-east-1:WORD"}, advice: "THE POOL'S ID", pools: true},
	{"GitLab.com", "gitlab.com", []string{"project_path:WORD/WORD:ref_type:branch:ref:main"}, "project_path:GROUP/PROJECT:ref_type:branch:ref:main", false},
	{"Google", "accounts.google.com", []string{"WORD"}, "THE NUMBER OF THE ACCOUNT", false},
	{"Buildkite", "agent.buildkite.com", []string{"organization:WORD:pipeline:WORD:ref:refs/heads/main:commit:WORD:step:"}, "organization:ORGANISATION:pipeline:PIPELINE:*", false},
	{"Terraform Cloud", "app.terraform.io", []string{"organization:WORD:project:WORD:workspace:WORD:run_phase:apply"}, "organization:ORGANISATION:project:PROJECT:workspace:WORKSPACE:*", false},
	{"Pulumi", "api.pulumi.com/oidc", []string{"pulumi:deploy:org:WORD:project:WORD:stack:WORD"}, "pulumi:deploy:org:ORGANISATION:project:PROJECT:*", false},
	{"Vercel", "oidc.vercel.com", []string{"owner:WORD:project:WORD:environment:production"}, "owner:TEAM:project:PROJECT:environment:production", false},
	{"Codefresh", "oidc.codefresh.io", []string{"account:WORD:pipeline:WORD"}, "account:ACCOUNT:pipeline:PIPELINE:*", false},
	{"Scalr", "scalr.io", []string{"account:WORD:environment:WORD:workspace:WORD"}, "account:ACCOUNT:environment:ENVIRONMENT:*", false},
	{"DVC Studio", "studio.dvc.ai/api", []string{"credentials:WORD/WORD"}, "credentials:TEAM/*", false},
	{"Upbound", "proidc.upbound.io", []string{"mcp:WORD/WORD:provider:WORD"}, "mcp:ORGANISATION/CONTROLPLANE:provider:*", false},
}

// chosen are the claims that whoever asks for a token at such an issuer chooses:
// a condition on them keeps nobody out.
var chosen = []string{"aud", "oaud", "ref", "environment", "workflow", "amr"}

// sharedTrust asks whether a role trusts everybody whom a shared identity
// provider knows (CLO-IAM-004).
func sharedTrust(tx *store.Tx, s *Subject, trust *policy.Policy) error {
	return apply(tx, SharedIssuer, s, func(*Setting) (*violation, error) {
		for i := range sharedIssuers {
			issuer := &sharedIssuers[i]
			open, err := issuer.lets(s, trust)
			if err != nil {
				return nil, err
			}
			if open {
				return &violation{found: "trusts everybody whom " + issuer.name + " knows", instead: issuer.instead()}, nil
			}
		}
		return nil, nil
	})
}

// instead says how a trust policy means somebody.
func (i *sharedIssuer) instead() string {
	operator, claim := "StringLike", "sub"
	if i.pools {
		operator, claim = "StringEquals", "aud"
	}
	return fmt.Sprintf(`Add to the Condition of its statement who may take the role, for example "%s":{"%s:%s":"%s"}.`, operator, i.address, claim, i.advice)
}

// provider is how trust policies of an account name the issuer.
func (i *sharedIssuer) provider(account string) string {
	if i.pools {
		return i.address
	}
	return "arn:aws:iam::" + account + ":oidc-provider/" + i.address
}

// lets tells whether a trust policy lets somebody take the role whom nobody
// named, and who chose what can be chosen.
func (i *sharedIssuer) lets(s *Subject, trust *policy.Policy) (bool, error) {
	principal := policy.Principal{Kind: policy.PrincipalFederated, Provider: i.provider(s.Account)}
	if !trust.SpeaksTo(&principal, webIdentity) {
		return false, nil
	}
	open, err := i.withoutChosen(trust)
	if err != nil || open == nil {
		return false, err
	}
	for _, subject := range i.subject {
		x := stranger{action: webIdentity, views: webViews(s.Account, s.Time, principal)}
		for _, v := range x.views {
			i.claim(v.context, principal.Provider, strings.ReplaceAll(subject, "WORD", invented()))
		}
		if x.mayTake(s, &policy.Policies{Resource: &policy.Named{Name: s.Resource, Policy: open}}) {
			return true, nil
		}
	}
	return false, nil
}

const webIdentity = "sts:AssumeRoleWithWebIdentity"

// claim adds what a stranger's token says.
func (i *sharedIssuer) claim(context policy.MapContext, provider, subject string) {
	word := invented()
	context["aws:federatedprovider"] = []string{provider}
	context["sts:rolesessionname"] = []string{word}
	context[i.address+":sub"] = []string{subject}
	if i.pools {
		context[i.address+":aud"] = []string{"us-east-1:" + word}
	}
	context[i.address+":email"] = []string{word + "@example.com"}
	for _, claim := range []string{"actor", "actor_id", "job_workflow_ref", "repository", "repository_id", "enterprise_id"} {
		context[i.address+":"+claim] = []string{word}
	}
}

// withoutChosen is a trust policy whose conditions on what a stranger chooses are
// met: gone where they allow, and the whole statement where they deny. nil if
// nothing is left.
func (i *sharedIssuer) withoutChosen(trust *policy.Policy) (*policy.Policy, error) {
	return edited(trust, func(statement map[string]any) bool {
		conditions, _ := statement["Condition"].(map[string]any)
		for operator, keys := range conditions {
			keys, _ := keys.(map[string]any)
			for key := range keys {
				if i.chooses(key) {
					if statement["Effect"] == "Deny" {
						return false
					}
					delete(keys, key)
				}
			}
			if len(keys) == 0 {
				delete(conditions, operator)
			}
		}
		if len(conditions) == 0 {
			delete(statement, "Condition")
		}
		return true
	})
}

func (i *sharedIssuer) chooses(key string) bool {
	key = strings.ToLower(key)
	claim, ok := strings.CutPrefix(key, i.address+":")
	return ok && slices.Contains(chosen, claim) && !(i.pools && claim == "aud") || key == "sts:rolesessionname"
}

// webViews are the situations in which somebody calls whom a provider knows.
func webViews(account string, now time.Time, principal policy.Principal) []vantage {
	views := vantages(account, "", now)
	for i := range views {
		views[i].principal = principal
		for _, key := range []string{"aws:principalaccount", "aws:principalarn", "aws:principaltype", "aws:userid"} {
			delete(views[i].context, key)
		}
	}
	return views
}

// edited is a policy with each statement changed, or left out where edit tells
// false; nil if nothing is left.
func edited(p *policy.Policy, edit func(statement map[string]any) bool) (*policy.Policy, error) {
	var tree struct{ Statement json.RawMessage }
	if err := json.Unmarshal(p.Text(), &tree); err != nil {
		return nil, fmt.Errorf("a policy that parsed: %w", err)
	}
	var all []map[string]any
	list := strings.TrimSpace(string(tree.Statement))
	if !strings.HasPrefix(list, "[") {
		list = "[" + list + "]"
	}
	if err := json.Unmarshal([]byte(list), &all); err != nil {
		return nil, fmt.Errorf("a policy that parsed: %w", err)
	}
	all = slices.DeleteFunc(all, func(statement map[string]any) bool { return !edit(statement) })
	if len(all) == 0 {
		return nil, nil
	}
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": all})
	if err != nil {
		return nil, err
	}
	return policy.Parse(p.Kind(), text)
}
