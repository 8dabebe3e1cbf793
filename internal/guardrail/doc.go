// Package guardrail holds the rules that keep an account out of the states in
// which serverless systems are lost: a function that may do everything, a role
// that anybody may take, a runtime that nobody repairs any more.
//
// What holds:
//   - A service asks before it writes, inside the write's own transaction. In
//     mode enforce, which is the default, what breaks a rule is refused and
//     nothing is written; in mode warn it is written together with its finding;
//     in mode off the rule is not looked at.
//   - A rule decides by the policy evaluator, never by what a text looks like.
//   - The mode of a rule, the exemptions from it and the findings are rows of
//     the sealed store, of one account each, and change only through the door.
//   - A refusal says which rule, what was found and where, and what to write
//     instead.
//
// A rule is an entry of the table in rules.go, a function that finds what it
// forbids, and a page in docs/guardrails.
package guardrail
