package netpolicy

// Resolves tells whether the interface may have a name resolved: one that some
// rule allows to connect to, or any if a rule allows addresses without names.
// What is asked of a resolver goes out into the world, too.
func (p *Policy) Resolves(name string) bool {
	for i := range p.Rules {
		r := &p.Rules[i]
		if r.Ingress || r.Broken || len(r.Peers.spans) == 0 {
			continue
		}
		if len(r.Names) == 0 {
			return true
		}
		for _, pattern := range r.Names {
			if covers(pattern, name) {
				return true
			}
		}
	}
	return false
}
