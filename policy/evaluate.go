package policy

// Evaluate decides a request. It allocates nothing and is safe for concurrent use.
func Evaluate(ps *Policies, req *Request) Decision {
	panic("policy.Evaluate: being written")
}
