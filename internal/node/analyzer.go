package node

import (
	"iter"

	"cloister/internal/service/accessanalyzer"
	"cloister/internal/store"
)

// startAnalyzer puts Access Analyzer behind the door. It looks at what IAM,
// Lambda and KMS hand to it here, and looks again when that changes.
func (n *Node) startAnalyzer() {
	var prefixes []string
	for _, s := range Services() {
		prefixes = append(prefixes, s.SigningName)
	}
	analyzer := accessanalyzer.New(accessanalyzer.Config{
		DB: n.db, Audit: n.audit, Services: prefixes, Identities: n.identities,
		Resources: []accessanalyzer.Resources{n.iam.TrustPolicies, n.lambda.ResourcePolicies, n.kms.KeyPolicies},
		Watched:   []string{"iam.role", "iam.user", "iam.group", "iam.policy", "lambda.permission", "lambda.layerpermission", "kms.key"},
	})
	analyzer.Register(n.door)
	n.inBackground(analyzer.Run)
}

// identities are IAM's as Access Analyzer sees them.
func (n *Node) identities(r store.Reader, account string) iter.Seq2[accessanalyzer.Identity, error] {
	return func(yield func(accessanalyzer.Identity, error) bool) {
		for who, err := range n.iam.Identities(r, account) {
			shown := accessanalyzer.Identity{ARN: who.ARN, Role: who.Role, Created: who.Created, Tags: who.Tags, Policies: who.Policies, Password: who.Password}
			for _, key := range who.Keys {
				shown.Keys = append(shown.Keys, accessanalyzer.Key(key))
			}
			if !yield(shown, err) {
				return
			}
		}
	}
}
