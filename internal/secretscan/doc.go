// Package secretscan finds secrets that were written down where they do not
// belong: in code, in configuration, in the environment of a function.
//
// What holds:
//   - Text is judged by the rules of gitleaks (rules/gitleaks.toml), and what is
//     found is what gitleaks finds in the same files: the same rules on the same
//     lines. Only the way there is another, about twenty times as fast.
//   - A finding says where and by which rule. It never holds the secret, nor a
//     part or a hash of it.
//   - What is scanned is bounded, and what was left out is counted and said.
//
// How it is fast: one pass of an automaton finds all keywords of all rules. Of
// each rule's expression it is computed once how far from a keyword its matches
// can begin and end; only those parts of the text are given to the expression.
// An expression of which that cannot be told is run over the whole text.
package secretscan
