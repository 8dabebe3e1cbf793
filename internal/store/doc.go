// Package store keeps the platform's state: ordered, typed collections in
// serialisable transactions, durable when Update returns, sealed before the
// storage engine sees them.
//
// A service declares a [Collection] once with [Define] and uses it inside
// [DB.View] and [DB.Update]; there is nothing below that a service may touch.
// What a transaction read is what it commits against; a transaction that
// failed changed nothing; every committed change reaches every subscriber.
//
// The engine is untrusted. It sees the name of a table, the components that
// the collection declares [Clear], keyed hashes of all other components, the
// time at which a row expires, and sizes. It never sees a value.
package store
