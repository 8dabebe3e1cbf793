// Package apigateway is Amazon API Gateway's REST APIs: what is behind an API's
// address (resources, methods, integrations, authorisers, models, stages, keys and
// plans) and the front that serves it. What it promises:
//
//   - Every request goes through the door: it is authorised as execute-api:Invoke on
//     its own method and path by the one policy engine, and audited, whatever
//     authorises the method. An API's resource policy is asked for every request, and
//     whatever an authoriser says has to allow it as well.
//   - A path is decoded once, before a resource is looked for, and what is decoded is
//     what policies decide about. Paths with dot segments lead nowhere.
//   - No function is reached but by lambda:InvokeFunction as apigateway.amazonaws.com
//     for the method, which the function's own policy has to allow.
//   - Requests see what was deployed to their stage; what is changed afterwards waits
//     for the next deployment.
//   - An API key says who pays, never who calls.
//   - A client is told no more than a status and AWS's word for it.
//   - A method that lets everybody in is refused by the guardrail CLO-GATE-001 unless
//     its API says so by the tag cloister:public=true.
package apigateway
