// Package apigatewayv2 is Amazon API Gateway's HTTP and WebSocket APIs: what is behind an
// API's address (routes, integrations, authorisers, stages) and the front that
// serves it. What it promises:
//
//   - Every request goes through the door: it is authorised as execute-api:Invoke
//     on its own method and path by the one policy engine, and audited, whatever
//     authorises the route. What a route lets in (everybody, the bearers of a
//     token, whom a function says) is a resource policy made of the route.
//   - A path is decoded once, before a route is looked for, and what is decoded is
//     what policies decide about. Paths with dot segments have no route.
//   - No function is reached but by lambda:InvokeFunction as
//     apigateway.amazonaws.com for the route, which the function's own policy has
//     to allow.
//   - Requests see what was deployed to their stage, never half a change.
//   - A client is told no more than a status and AWS's word for it.
//   - A route that lets everybody in is refused by the guardrail CLO-GATE-001
//     unless its API says so by the tag cloister:public=true.
package apigatewayv2
