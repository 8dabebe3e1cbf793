package main

import (
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// job is one invocation.
type job struct {
	id     string
	event  []byte
	answer chan []byte
}

// pool hands invocations to the bootstrap that became idle last, whose cache
// is warmest.
type pool struct {
	mu      sync.Mutex // held for all below
	serial  int
	idle    []chan *job
	waiting []*job
	running map[string]*job
}

func newPool() *pool { return &pool{running: map[string]*job{}} }

func (p *pool) invoke(w http.ResponseWriter, r *http.Request) {
	event, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	j := &job{event: event, answer: make(chan []byte, 1)}
	p.put(j)
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(<-j.answer) // a client that went away ends the run by itself
}

func (p *pool) put(j *job) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.serial++
	j.id = strconv.Itoa(p.serial)
	p.running[j.id] = j
	if last := len(p.idle) - 1; last >= 0 {
		p.idle[last] <- j
		p.idle = p.idle[:last]
		return
	}
	p.waiting = append(p.waiting, j)
}

func (p *pool) take() *job {
	p.mu.Lock()
	if len(p.waiting) > 0 {
		j := p.waiting[0]
		p.waiting = p.waiting[1:]
		p.mu.Unlock()
		return j
	}
	mine := make(chan *job, 1)
	p.idle = append(p.idle, mine)
	p.mu.Unlock()
	return <-mine
}

func (p *pool) next(w http.ResponseWriter, _ *http.Request) {
	j := p.take()
	h := w.Header()
	h.Set("Lambda-Runtime-Aws-Request-Id", j.id)
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(time.Minute).UnixMilli(), 10))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:bench")
	_, _ = w.Write(j.event)
}

func (p *pool) response(w http.ResponseWriter, r *http.Request) {
	answer, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	j := p.running[r.PathValue("id")]
	delete(p.running, r.PathValue("id"))
	p.mu.Unlock()
	if j == nil {
		http.NotFound(w, r)
		return
	}
	j.answer <- answer
	w.WriteHeader(http.StatusAccepted)
}
