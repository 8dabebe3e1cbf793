package door

// BodiesInFlight is what is taken of the budget for bodies.
func (d *Door) BodiesInFlight() int64 { return d.bodies.used.Load() }
