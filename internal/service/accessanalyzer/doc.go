// Package accessanalyzer is IAM Access Analyzer: it says what is wrong with a
// policy and what a policy gives, before it is attached; and it keeps findings of
// who outside the account is let in, and of what lies unused. What it promises:
//
//   - An answer is exact for what the policy language says, or it is not given:
//     what is too complex to be decided ends as UnprocessableEntityException.
//   - However the policies that are asked about are made, they cost a bounded
//     amount of work.
//   - Who is outside is decided by the evaluator that decides calls. Where a
//     condition cannot be decided, a finding is made rather than left out.
//   - A finding follows the policies within restEvery, and what IAM and Lambda do
//     not tell of their changes within scanEvery.
package accessanalyzer
