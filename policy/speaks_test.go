package policy

import "testing"

func TestSpeaksTo(t *testing.T) {
	const web = "sts:AssumeRoleWithWebIdentity"
	idp := &Principal{Kind: PrincipalFederated, Provider: "arn:aws:iam::123456789012:oidc-provider/idp.example"}
	for text, want := range map[string]bool{
		`{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::123456789012:oidc-provider/idp.example"},"Action":"sts:AssumeRoleWithWebIdentity"}`:                                            true,
		`{"Effect":"Allow","Principal":{"Federated":["x.example","arn:aws:iam::123456789012:oidc-provider/idp.example"]},"Action":"sts:*","Condition":{"StringEquals":{"idp.example:sub":"x"}}}`: true,
		`{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole*"}`:                                                                                  true,
		`{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::123456789012:oidc-provider/idp.example/"},"Action":"sts:AssumeRoleWithWebIdentity"}`:   false,
		`{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::123456789012:oidc-provider/idp.example"},"Action":"sts:AssumeRole"}`:                   false,
		`{"Effect":"Deny","Principal":{"Federated":"arn:aws:iam::123456789012:oidc-provider/idp.example"},"Action":"sts:AssumeRoleWithWebIdentity"}`:     false,
		`{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRoleWithWebIdentity"}`:                                                 false,
		`{"Effect":"Allow","NotPrincipal":{"Federated":"arn:aws:iam::123456789012:oidc-provider/idp.example"},"Action":"sts:AssumeRoleWithWebIdentity"}`: false,
	} {
		p, err := Parse(KindTrust, []byte(`{"Version":"2012-10-17","Statement":`+text+`}`))
		if err != nil {
			t.Fatal(err)
		}
		if got := p.SpeaksTo(idp, web); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}
