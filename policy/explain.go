package policy

// Explanation tells a decision step by step; it marshals to JSON.
type Explanation struct {
	Allowed bool   `json:"allowed"`
	Reason  string `json:"reason"`
	Message string `json:"message,omitempty"`
}

// Explain decides as Evaluate does and tells every policy and statement looked at.
func Explain(ps *Policies, req *Request) *Explanation {
	panic("policy.Explain: being written")
}
