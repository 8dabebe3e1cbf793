package guardrail

import (
	"fmt"
	"strconv"
	"strings"

	"cloister/internal/secretscan"
	"cloister/internal/store"
)

// EnvironmentSecrets asks whether a function, which is the subject, may have an
// environment (CLO-SECRET-001).
func (g *Guardrails) EnvironmentSecrets(tx *store.Tx, s *Subject, variables map[string]string) error {
	return apply(tx, EnvironmentSecret, s, func(set *Setting) (*violation, error) {
		found := secretscan.Environment(variables)
		if len(found) == 0 || set.exempts(s.Resource) {
			return nil, nil
		}
		var where []string
		for _, v := range found {
			where = append(where, v.Name+" ("+v.Rule+")")
		}
		return &violation{
			found:   "would have secrets in clear text in its environment: " + some(where),
			instead: moveIt("set the variable to {{resolve:secretsmanager:NAME}}, or have the code get the secret by its name"),
		}, nil
	})
}

// Scan is what a package was found to hold. It may be called in a transaction
// and has no effect.
type Scan func() (*secretscan.Report, error)

// CodeSecrets asks whether a function, which is the subject, may have the
// package of a scan (CLO-SECRET-002).
func (g *Guardrails) CodeSecrets(tx *store.Tx, s *Subject, scan Scan) error {
	return packageSecrets(tx, CodeSecret, s, scan, "would have secrets in clear text in its code: ")
}

// LayerSecrets asks whether a layer version, which is the subject, may have the
// package of a scan (CLO-SECRET-003).
func (g *Guardrails) LayerSecrets(tx *store.Tx, s *Subject, scan Scan) error {
	return packageSecrets(tx, LayerSecret, s, scan, "would have secrets in clear text in its files: ")
}

func packageSecrets(tx *store.Tx, id string, s *Subject, scan Scan, what string) error {
	return apply(tx, id, s, func(set *Setting) (*violation, error) {
		if set.exempts(s.Resource) {
			return nil, nil
		}
		report, err := scan()
		if err != nil || len(report.Findings) == 0 {
			return nil, err
		}
		var where []string
		for _, f := range report.Findings {
			where = append(where, fmt.Sprintf("%s line %d (%s)", legible(f.File), f.Line, f.Rule))
		}
		return &violation{
			found:   what + some(where),
			instead: moveIt("have the code get it by its name; a line that holds none may say gitleaks:allow"),
		}, nil
	})
}

// some names the first few of what was found.
func some(where []string) string {
	const most = 5
	if more := len(where) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(where[:most], ", "), more)
	}
	return strings.Join(where, ", ")
}

// legible is a file's name as it can stand in a message.
func legible(name string) string {
	if len(name) > 200 {
		name = name[:200] + "…"
	}
	if quoted := strconv.Quote(name); quoted != `"`+name+`"` {
		return quoted
	}
	return name
}

func moveIt(then string) string {
	return "Move it into Secrets Manager (cloister secrets put NAME < FILE, or aws secretsmanager create-secret --name NAME --secret-string file://FILE), give the function's role secretsmanager:GetSecretValue on it, and " + then
}
