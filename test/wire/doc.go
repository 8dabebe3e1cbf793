// Package wire makes requests from the tables of AWS's models: for any
// operation of any service the smallest input that its model accepts, written
// as a client writes it, and signed by AWS's own signer.
//
// It shares no code with the node's codecs, so a request that a node accepts
// shows that both read the model in the same way.
package wire
