// Package accessanalyzer is IAM Access Analyzer: it says what is wrong with a
// policy and what a policy gives, before it is attached. What it promises:
//
//   - An answer is exact for what the policy language says, or it is not given:
//     what is too complex to be decided ends as UnprocessableEntityException.
//   - However the policies that are asked about are made, they cost a bounded
//     amount of work.
package accessanalyzer
