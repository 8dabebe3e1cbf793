// Package cognitoidentity is Amazon Cognito's identity pools: whoever an identity
// provider vouches for gets a lasting identity, and temporary credentials of a
// role (https://docs.aws.amazon.com/cognitoidentity/latest/APIReference/Welcome.html).
//
// What holds:
//   - Tokens of user pools are verified with the pool's own keys, those of other
//     providers with what the provider publishes, and count for the clients that
//     the identity pool names. Whom a token is of is what its signature covers.
//   - Credentials are a role's session, taken through the door by
//     AssumeRoleWithWebIdentity with a token of this service: the role's trust
//     policy decides, by pool (aud) and by whether the caller is known (amr).
//   - An identity belongs to whom its logins name: others can neither use, read
//     nor unlink it. One that nobody logged in to is usable by its id alone, as on
//     AWS, and gets the unauthenticated role, narrowed.
//   - What is not verified is refused when the pool is made: opaque tokens of
//     social providers, SAML, and server-side token checks.
package cognitoidentity
