package decision

import (
	"fmt"
	"math/rand/v2"
)

// Request is one question to the engines.
type Request struct {
	Action, Resource, Team, IP string
	Secure                     bool
	Depth                      int
}

// Last is the request that only the last statement of a set allows, so that
// every engine has to look the longest.
func Last() Request {
	return Request{
		Action: "lambda:InvokeFunction", Resource: "arn:aws:lambda:eu-west-1:123456789012:function:app-orders:live",
		Team: "blue", IP: "10.1.2.3", Secure: true, Depth: 3,
	}
}

// Requests are n different questions, the same in every run, of which some are
// allowed, some match no statement and some a deny.
func Requests(n int) []Request {
	random := rand.New(rand.NewPCG(1, 2))
	all := []Request{Last()}
	for len(all) < n {
		all = append(all, someRequest(random))
	}
	return all
}

func someRequest(random *rand.Rand) Request {
	service := pick(random, services...)
	r := Request{
		Action:   service + ":" + pick(random, operations...),
		Resource: fmt.Sprintf("arn:aws:%s:eu-west-1:123456789012:thing-%d-%d/%d", service, random.IntN(5), random.IntN(100), random.IntN(6)),
		Team:     pick(random, "red", "blue", "blue", "green"),
		IP:       pick(random, "10.1.2.3", "10.200.0.1", "192.0.2.7"),
		Secure:   random.IntN(4) > 0,
		Depth:    random.IntN(20),
	}
	if random.IntN(5) == 0 {
		r.Action = "lambda:InvokeFunction"
		r.Resource = "arn:aws:lambda:eu-west-1:123456789012:function:" + pick(random, "app-orders", "app-", "orders")
	}
	return r
}

func pick(random *rand.Rand, of ...string) string { return of[random.IntN(len(of))] }
