package escalation

import (
	"slices"
	"strings"
)

// Report is what Find found.
type Report struct {
	// Administrators are the principals that may do everything already.
	Administrators []string
	// Paths lead from the others to administrators: of the ways that begin with
	// one step, the one that depends least on what is not known, and of those the
	// shortest.
	Paths []Path
	// Notes say what in the data was not understood.
	Notes []string
}

// Path is a way from a principal to an administrator.
type Path struct {
	From  string // ARN
	Steps []Step
}

// Step is one technique. Conditions are what it depends on that the data does
// not tell.
type Step struct {
	Technique   string // its ID
	Name        string // its permissions, with + between
	Source      string
	To          string // ARN of the principal whose permissions it yields
	Administers bool   // who got there is an administrator
	Conditions  []string
}

// String writes the path as one line:
//
//	user/bob --iam:PassRole+lambda:CreateFunction+lambda:InvokeFunction--> role/admin
func (p *Path) String() string {
	var b strings.Builder
	b.WriteString(name(p.From))
	at := p.From
	for _, s := range p.Steps {
		b.WriteString(" --" + s.Name + "--> " + name(s.To))
		if s.To == at && s.Administers {
			b.WriteString(" as administrator")
		}
		at = s.To
		if len(s.Conditions) > 0 {
			b.WriteString(" (if " + strings.Join(s.Conditions, ", and ") + ")")
		}
	}
	return b.String()
}

// Certain says whether the path depends on nothing that is not known.
func (p *Path) Certain() bool {
	return !slices.ContainsFunc(p.Steps, func(s Step) bool { return len(s.Conditions) > 0 })
}

// Find finds the paths of every principal, or of the one with the ARN.
func Find(a *Account, arn string) *Report {
	g := newGraph(a)
	r := &Report{Administrators: []string{}, Paths: []Path{}}
	var starts []*state
	for _, p := range slices.Concat(a.Users, a.Roles) {
		s := g.asItIs(p)
		switch {
		case g.admin(s).certain():
			r.Administrators = append(r.Administrators, p.ARN)
			continue
		case g.admin(s).possible:
			g.note("%s is an administrator if conditions on %s are met.", name(p.ARN), strings.Join(g.admin(s).keys, " and "))
		}
		if !p.serviceLinked() && (arn == "" || p.ARN == arn) {
			starts = append(starts, s)
		}
	}
	costs := g.costs(g.explore(starts))
	for _, s := range starts {
		for _, e := range g.from(s) {
			if path, ok := g.path(s, e, costs); ok {
				r.Paths = append(r.Paths, path)
			}
		}
	}
	r.Notes = append([]string{}, g.notes...)
	return r
}

// explore lists every state that can be reached.
func (g *graph) explore(starts []*state) []*state {
	seen := map[string]bool{}
	queue := slices.Clone(starts)
	for _, s := range queue {
		seen[s.key()] = true
	}
	for i := 0; i < len(queue); i++ {
		if g.admin(queue[i]).certain() {
			continue
		}
		for _, e := range g.from(queue[i]) {
			if key := e.to.key(); !seen[key] {
				seen[key] = true
				queue = append(queue, e.to)
			}
		}
	}
	return queue
}

// A step costs 1, and much more if it depends on what is not known.
const unsure = 1000

func (e *edge) cost() int { return 1 + unsure*min(1, len(e.conditions)) }

// costs is what it takes from each state to an administrator; who cannot become
// one is not in it.
func (g *graph) costs(states []*state) map[string]int {
	costs := map[string]int{}
	for _, s := range states {
		if a := g.admin(s); a.possible {
			costs[s.key()] = unsure * min(1, len(a.keys))
		}
	}
	for changed := true; changed; {
		changed = false
		for _, s := range states {
			if g.admin(s).certain() {
				continue
			}
			for _, e := range g.from(s) {
				rest, ok := costs[e.to.key()]
				if now, has := costs[s.key()]; ok && (!has || rest+e.cost() < now) {
					costs[s.key()], changed = rest+e.cost(), true
				}
			}
		}
	}
	return costs
}

// path goes the cheapest way that begins with a step. A way that leads back to
// where it began is none.
func (g *graph) path(from *state, first edge, costs map[string]int) (Path, bool) {
	path := Path{From: from.p.ARN}
	been := map[string]bool{from.key(): true}
	for e := &first; ; {
		at := e.to
		if _, ok := costs[at.key()]; !ok || been[at.key()] {
			return path, false
		}
		been[at.key()] = true
		admin := g.admin(at)
		step := Step{
			Technique: e.technique.ID, Name: e.technique.Name(), Source: e.technique.Source, To: at.p.ARN,
			Administers: admin.possible, Conditions: append([]string{}, e.conditions...),
		}
		next := g.cheapest(at, costs)
		end := admin.certain() || next == nil || admin.possible && unsure <= next.cost()+costs[next.to.key()]
		if end {
			for _, key := range admin.keys {
				step.Conditions = append(step.Conditions, "conditions on "+key+" are met")
			}
		}
		path.Steps = append(path.Steps, step)
		if end {
			return path, admin.possible
		}
		e = next
	}
}

func (g *graph) cheapest(s *state, costs map[string]int) *edge {
	var best *edge
	if g.admin(s).certain() {
		return nil
	}
	edges := g.from(s)
	for i := range edges {
		c, ok := costs[edges[i].to.key()]
		if ok && (best == nil || c+edges[i].cost() < costs[best.to.key()]+best.cost()) {
			best = &edges[i]
		}
	}
	return best
}
