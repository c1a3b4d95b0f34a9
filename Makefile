# Every target says what it is for; `make` alone lists them.
# STACK=native runs EventFlow as child processes of this machine's own packages.
STACK     ?= native
# gate: what every change has to pass, in about four minutes; all: the whole catalogue; or names.
SCENARIOS ?= gate
ARTIFACTS ?= artifacts
# A drill that proved nothing, as on a machine busy with other work, is played once more.
AGAIN     ?= 1
GOTESTSUM := gotest.tools/gotestsum@v1.13.0
LAB       := bin/lab

.DEFAULT_GOAL := help
.PHONY: help chaos test compiler up down status scenarios mutants build web pages deps go verify fix bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

chaos: deps build ## play the gate's scenarios and print the verdicts (SCENARIOS=all, or "postgres-cut redis-cut")
	@$(LAB) run $(SCENARIOS) --stack $(STACK) --artifacts $(ARTIFACTS) --again $(AGAIN)

test: compiler pages verify ## unit, integration and contract tests, race detector on
	@CGO_ENABLED=1 go run $(GOTESTSUM) --format pkgname-and-test-fails --format-hide-empty-pkg -- -race -short -p 2 -timeout 15m ./...

scenarios: compiler ## the same scenarios as `make chaos`, as Go tests
	go test -race -count=1 -timeout 30m -run TestScenarios -v ./scenarios

mutants: deps build ## plant known bugs in EventFlow and see whether the drills notice (GATE=1: those of every change, whose scenarios make chaos plays)
	@$(LAB) mutants $(if $(GATE),--gate --control=false) --stack $(STACK) --artifacts $(ARTIFACTS)

up: deps build pages ## start EventFlow for people and print every address; Ctrl-C stops it
	@$(LAB) up

down: build ## stop what `lab up --detach` started
	@$(LAB) down

status: build ## which stacks are up, and which links are broken
	@$(LAB) status

build: go ## compile the lab into bin/
	@go build -o bin/ ./scenarios/cmd/lab

web: ## build the shop's pages into web/dist (needs Node 20.19 or newer)
	@bash web/build.sh

pages: # the same for whoever has Node
	@bash web/build.sh --if-possible

deps: go ## install the servers that are missing (apt as root; otherwise prints the command)
	@bash scenarios/stack/native/install.sh

compiler: go
	@bash scenarios/stack/native/install.sh --with-compiler --with-browser

go:
	@command -v go >/dev/null || { echo "make: Go is missing. Install Go 1.26 or newer: https://go.dev/doc/install" >&2; exit 3; }

verify: go ## formatting, vet and go.mod, looking only
	@unformatted=$$(gofmt -l scenarios system toxiproxy web); [ -z "$$unformatted" ] || { echo "not formatted (make fix):"; echo "$$unformatted"; exit 1; }
	@go vet ./...

fix: go ## format, tidy and rewrite the golden files
	gofmt -w scenarios system toxiproxy web
	go mod tidy
	go test ./toxiproxy/topology ./scenarios ./scenarios/stack/... -run Golden -update

bench: deps ## benchmarks that stand beside the code
	go test -run '^$$' -bench . -benchtime 1s ./...

clean: ## remove what was built and recorded here
	rm -rf bin $(ARTIFACTS)
