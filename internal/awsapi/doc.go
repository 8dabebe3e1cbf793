// Package awsapi speaks AWS's wire protocols on the server's side: it
// recognises which operation of which service a request means, decodes it into
// a generated type, checks it against AWS's own model, and encodes answers and
// errors as AWS would.
//
// What it promises: any bytes give a value or an *Error with AWS's code and
// wording, never a panic; nothing it decodes is deeper or larger than its
// stated bounds; a value whose shape is marked sensitive appears in no message
// and in no audit rendering.
//
// The tables and types of each service live in sub-packages generated from
// AWS's published models (see the directory gen); the codecs here are generic
// over those tables, so that a new operation never brings codec code.
package awsapi

//go:generate go -C gen run . -out ..
