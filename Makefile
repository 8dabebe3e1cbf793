# Every target works on a fresh Linux machine with Go and git.
export CGO_ENABLED ?= 0
GO ?= go

.PHONY: help build demo test test-long race lint mutate generate bench deps clean

help: ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

build: ## the one static binary, bin/cloister
	$(GO) build -o bin/cloister ./cmd/cloister

demo: build ## the main job: deploy, invoke, refuse, log, audit
	./bin/cloister demo

deps: ## what the tests need (apt as root; otherwise says what to install)
	./scripts/deps

lint: ## gofmt, vet, staticcheck
	./scripts/lint

test: deps lint build ## every test
	$(GO) test ./...
	$(MAKE) --no-print-directory race

race: ## the race detector where goroutines share state (needs a C compiler)
	CGO_ENABLED=1 CLOISTER_RACE=1 $(GO) test -race -short $(RACE)

RACE = ./internal/audit/... ./internal/blob/... ./internal/door/... ./internal/store/... \
       ./internal/service/iam/... ./internal/service/kms/... ./internal/service/sts/... ./internal/service/logs/... ./internal/service/lambda/invoke/...

test-long: deps build ## the long suites: 500 kill -9, a million policies, fuzzing
	CLOISTER_LONG=1 $(GO) test -timeout 120m ./...
	./scripts/fuzz 60s

mutate: ## mutation testing of the policy evaluator (a quarter of an hour)
	cd scripts/mutate && $(GO) run . -root ../..

generate: ## wire types from AWS's published models
	$(GO) generate ./internal/awsapi

bench: build ## side by side with peers; writes docs/benchmarks.md (ONLY=keys,warm prints those parts)
	./scripts/bench $(if $(ONLY),--only $(ONLY))

clean:
	rm -rf bin .tools
