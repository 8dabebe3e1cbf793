package decision

import "testing"

const compared = 3000

func TestEnginesAgree(t *testing.T) {
	requests := Requests(compared)
	engines, err := Engines(NewSet(10, 5), requests)
	if err != nil {
		t.Fatal(err)
	}
	allowed, err := Agree(engines, requests)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d of %d allowed", allowed, len(requests))
	if !engines[0].Decide(0) {
		t.Error("the last statement does not allow the request made for it")
	}
}

func BenchmarkDecide(b *testing.B) {
	requests := Requests(compared)
	engines, err := Engines(NewSet(10, 5), requests)
	if err != nil {
		b.Fatal(err)
	}
	for _, e := range engines {
		for name, n := range map[string]int{"worst": 1, "mix": compared} {
			b.Run(e.Name+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for i := range b.N {
					e.Decide(i % n)
				}
			})
		}
	}
}
