# Every target says what it is for; `make` alone lists them.

# Where EventFlow runs: docker (containers), native (processes of this machine's own
# packages), running (a stack that is up already: see `bin/lab run --help`), or auto:
# docker where an engine and docker compose answer, native otherwise.
STACK     ?= auto
# gate: what every change has to pass, in about four minutes; all: the whole catalogue; or names.
SCENARIOS ?= gate
ARTIFACTS ?= artifacts
# A drill that proved nothing, as on a machine busy with other work, is played once more.
AGAIN     ?= 1
# Names of mutants; empty: all, or with GATE=1 those that every change has to kill.
MUTANTS   ?=
GOTESTSUM := gotest.tools/gotestsum@v1.13.0
LAB       := bin/lab

ifeq ($(filter $(STACK),auto docker native running),)
$(error STACK=$(STACK): there are docker, native, running, and auto, which takes the first of them that this machine has)
endif

# What auto stands for here: asked once, only by targets that need to know, and said
# where it decides what is played.
TELL = $(if $(filter chaos mutants up,$(MAKECMDGOALS)),,2>/dev/null)
ON = $(eval ON := $(if $(filter auto,$(STACK)),$(shell bash scenarios/stack/choose.sh $(TELL)),$(STACK)))$(ON)
# on NAMES,THEN: THEN where EventFlow runs on one of them, else nothing.
on = $(if $(filter $(1),$(ON)),$(2))
# What starts containers brings a tree of packages with it: the lab has it where it is used.
TAGS = $(call on,docker,-tags docker)
COMPOSE := docker compose --profile monitoring --profile load

.DEFAULT_GOAL := help
.PHONY: help chaos test containers compiler up down status summary scenarios mutants build web pages images deps servers go verify fix bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[.a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "STACK=docker, native or running says where; else docker where an engine answers, and native otherwise."

chaos: servers build ## play the gate's scenarios and print the verdicts (SCENARIOS=all, or "postgres-cut redis-cut")
	@$(LAB) run $(SCENARIOS) --stack $(ON) --artifacts $(ARTIFACTS) --again $(AGAIN)

test: compiler pages verify ## unit, integration and contract tests, race detector on; needs no containers
	@CGO_ENABLED=1 go run $(GOTESTSUM) --format pkgname-and-test-fails --format-hide-empty-pkg -- -race -short -p 2 -timeout 15m ./...

containers: go ## the tests that start containers, one package after the other; without an engine they fail (TESTS=pattern)
	@EVENTFLOW_DOCKER=required go test -count=1 -p 1 -timeout 15m -run '$(TESTS)' ./scenarios/stack/docker/... ./scenarios/stack/compose/...

scenarios: compiler ## the same scenarios as `make chaos STACK=native`, as Go tests
	go test -race -count=1 -timeout 30m -run TestScenarios -v ./scenarios

mutants: servers build ## plant known bugs in EventFlow and see whether the drills notice (GATE=1: those of every change, whose scenarios make chaos plays; MUTANTS="no-confirms get-then-set")
	@$(LAB) mutants $(MUTANTS) $(if $(GATE),--gate) $(if $(GATE)$(MUTANTS),--control=false) --stack $(ON) --artifacts $(ARTIFACTS)

up: servers build $(call on,native,pages) ## start EventFlow for people and print every address (native: Ctrl-C stops it)
	@$(call on,native,$(LAB) up)
	@# Secrets are for new volumes: those that are there keep the ones they were made with.
	@$(call on,docker,docker volume inspect eventflow_postgres >/dev/null 2>&1 || $(MAKE) --no-print-directory .env)
	@$(call on,docker,docker compose up --build --detach --wait)
	@$(call on,docker running,$(LAB) status --wait)

down: build ## stop what `make up` or `lab up --detach` started; nothing of it is left, its data neither
	@$(if $(filter docker,$(STACK)),$(COMPOSE) down --volumes --remove-orphans,$(LAB) down || { [ $$? -eq 64 ] && $(COMPOSE) down --volumes --remove-orphans; })

status: build ## which stacks are up, and which links are broken
	@$(LAB) status

summary: ## what was played and what came of it, as Markdown
	@cat /dev/null $(wildcard $(ARTIFACTS)/summary.md $(ARTIFACTS)/mutants.md)

build: go ## compile the lab into bin/ (STACK=docker: with what starts containers)
	@go build $(TAGS) -o bin/ ./scenarios/cmd/lab

web: ## build the shop's pages into web/dist (needs Node 20.19 or newer)
	@bash web/build.sh

pages: # the same for whoever has Node
	@bash web/build.sh --if-possible

images: ## build EventFlow's images and pull the others
	@$(COMPOSE) build
	@$(COMPOSE) pull --ignore-buildable --policy missing

.env: | go ## draw secrets for docker-compose.yml, readable by you alone
	@umask 077 && go run ./scenarios/cmd/lab env > $@.new && mv $@.new $@
	@echo "drawn: $@"

deps: go ## install the servers of STACK=native that are missing (apt as root; otherwise prints the command)
	@bash scenarios/stack/native/install.sh

# What the chosen stack needs before it can start.
servers: go
	@$(call on,native,bash scenarios/stack/native/install.sh)

compiler: go
	@bash scenarios/stack/native/install.sh --with-compiler --with-browser

go:
	@command -v go >/dev/null || { echo "make: Go is missing. Install Go 1.26 or newer: https://go.dev/doc/install" >&2; exit 3; }

verify: go ## formatting, vet and go.mod, looking only
	@unformatted=$$(gofmt -l scenarios system toxiproxy web); [ -z "$$unformatted" ] || { echo "not formatted (make fix):"; echo "$$unformatted"; exit 1; }
	@go vet ./...
	@go vet -tags docker ./scenarios/cmd/lab

fix: go ## format, tidy and rewrite the golden files
	gofmt -w scenarios system toxiproxy web
	go mod tidy
	go test ./toxiproxy/topology ./scenarios ./scenarios/stack/... -run Golden -update

bench: deps ## benchmarks that stand beside the code
	go test -run '^$$' -bench . -benchtime 1s ./...

clean: ## remove what was built and recorded here
	rm -rf bin $(ARTIFACTS)
