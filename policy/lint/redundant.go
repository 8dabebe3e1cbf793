package lint

import (
	"slices"
	"strings"

	"cloister/policy"
)

// mostLocations bounds the parts that one finding names.
const mostLocations = 50

// redundant reports items of a list that another one covers, one finding for
// each that does. fold makes items that mean the same equal.
func (c *checker) redundant(items []value, code string, fold func(string) string) {
	texts := make([]string, len(items))
	var wide []int // what may cover another, a lone star apart
	seen := map[string]int{}
	covered := map[int][]int{} // by what covers
	for i, item := range items {
		texts[i] = fold(item.Text)
		first, twice := seen[texts[i]]
		switch {
		case twice:
			covered[first] = append(covered[first], i)
			texts[i] = ""
			continue
		case strings.ContainsAny(texts[i], "*?"):
			wide = append(wide, i)
		}
		seen[texts[i]] = i
	}
	for i := range texts {
		for _, w := range wide {
			if !c.spend(1 + len(texts[i])) {
				return
			}
			if w != i && texts[i] != "" && glob(texts[w], texts[i]) {
				covered[w] = append(covered[w], i)
				break
			}
		}
	}
	for i := range items {
		if less := covered[i]; less != nil {
			slices.Sort(less)
			where := []Location{c.location(items[i])}
			for _, j := range less[:min(len(less), mostLocations)] {
				where = append(where, c.location(items[j]))
			}
			c.report(code, where, 1+len(less), items[less[0]].Text)
		}
	}
}

// meaning reports what only the whole policy shows.
func (c *checker) meaning(doc value) {
	p, err := policy.Parse(c.kind, c.text)
	if err != nil {
		if !c.refused {
			at := c.offset(err)
			reason := err.Error()
			if _, after, ok := strings.Cut(reason, ": "); ok {
				reason = after
			}
			c.at(value{Node: policy.Node{At: at, End: at}}, "CLOISTER_NOT_A_POLICY", reason)
		}
		return
	}
	body, _ := doc.get("Statement")
	statements := body.list()
	if c.everything(p) {
		c.at(body, "CLOISTER_FULL_ACCESS")
	}
	same := c.same(statements)
	for _, i := range p.Idle() {
		if !same[i] {
			c.at(statements[i], "CLOISTER_STATEMENT_WITHOUT_EFFECT")
		}
	}
}

// same reports statements that stand twice, and says which.
func (c *checker) same(statements []value) map[int]bool {
	first, same := map[string]int{}, map[int]bool{}
	for i, s := range statements {
		text := canonical(s.Node)
		j, twice := first[text]
		if !twice {
			first[text] = i
			continue
		}
		same[i], same[j] = true, true
		c.report("REDUNDANT_STATEMENT", []Location{c.location(statements[j]), c.location(s)})
	}
	return same
}

// canonical is the same for statements that say the same, their Sid apart.
func canonical(n policy.Node) string {
	switch n.Kind {
	case '{':
		var all []string
		for _, m := range n.Members {
			if m.Name != "Sid" {
				all = append(all, m.Name+"\x00"+canonical(m.Value))
			}
		}
		slices.Sort(all)
		return "{" + strings.Join(all, "\x01") + "}"
	case '[':
		var all []string
		for _, item := range n.Items {
			all = append(all, canonical(item))
		}
		slices.Sort(all)
		return strings.Join(slices.Compact(all), "\x02")
	}
	return n.Text
}

// everything tells by evaluation whether actions of which no policy has heard
// are allowed on resources of which none has.
func (c *checker) everything(p *policy.Policy) bool {
	if !c.gives() {
		return false
	}
	ps := &policy.Policies{Identity: []policy.Named{{Policy: p}}}
	for _, action := range []string{"unheard-of:CreateQzx", "q0x:GetZqx"} {
		for _, resource := range []string{"arn:aws:unheard-of:qq-qqqq-1:999999999999:q/zqx", "arn:aws:q0x:::zqx"} {
			req := &policy.Request{Action: action, Resource: resource,
				Principal: policy.Principal{Kind: policy.PrincipalUser, Account: "999999999999", ARN: "arn:aws:iam::999999999999:user/q"}}
			if !policy.Evaluate(ps, req).Allowed {
				return false
			}
		}
	}
	return true
}
