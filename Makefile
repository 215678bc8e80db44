# make help lists the targets.

export CGO_ENABLED ?= 0
export GOFLAGS ?= -buildvcs=false

GO       ?= go
TOOL     := $(GO) tool -modfile=tools/go.mod
# Tests that cannot run here say so in this file, which make test prints last.
export KENNEL_SKIPPED := $(CURDIR)/bin/skipped

VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
FUZZTIME ?= 30s
BENCH    ?= .

# Real programs are tested without the race detector, and alone: they are timed.
# Sessions take longest and begin first, so that the others run beside them.
UNITS = ./internal/session $$($(GO) list ./... | grep -v -e '/e2e$$' -e '/internal/session$$')

# A phase names itself before it begins, so that a long log can be read.
phase = @printf '\n== %s\n' "$(1)"

.DEFAULT_GOAL := help
.PHONY: help run test apps check bench fuzz soak build man deps generate clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' Makefile

run: ## build, and start the host with the built-in demo app
	@scripts/deps run
	@$(MAKE) --no-print-directory build
	bin/kennel serve $(ARGS)

test: ## everything that CI runs
	@scripts/deps test
	@$(MAKE) --no-print-directory check
	$(call phase,modules)
	$(GO) mod verify
	$(GO) mod tidy -diff
	@$(MAKE) --no-print-directory build
	@rm -f $(KENNEL_SKIPPED)
	$(call phase,unit tests with the race detector)
	@CGO_ENABLED=1 $(GO) test -race -shuffle=on -timeout 12m $(UNITS)
	$(call phase,end-to-end tests with the real programs)
	@if [ -d e2e ]; then KENNEL_BIN="$(CURDIR)/bin" $(GO) test -count=1 -timeout 12m ./e2e; fi
	@if [ -s $(KENNEL_SKIPPED) ]; then printf '\nNOT EVERYTHING WAS TESTED:\n'; sort -u $(KENNEL_SKIPPED); fi

check: ## vet, format and lint
	$(call phase,check)
	$(GO) vet ./...
	@unformatted=$$($(TOOL) gofumpt -l .) && if [ -n "$$unformatted" ]; then \
		printf 'not formatted; run: $(TOOL) gofumpt -w .\n%s\n' "$$unformatted"; exit 1; fi
	$(TOOL) staticcheck ./...

bench: ## all benchmarks; BENCH=pattern picks some
	@scripts/deps bench
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem ./...

fuzz: ## every fuzz target in turn, FUZZTIME each
	@for package in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			printf '\n== %s %s\n' "$$package" "$$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$package || exit 1; \
		done; \
	done

apps: ## stream the heavy apps, such as Chromium, and look at their pictures
	@scripts/deps apps
	@$(MAKE) --no-print-directory build
	KENNEL_APPS=1 KENNEL_BIN="$(CURDIR)/bin" $(GO) test -count=1 -timeout 20m -v -run 'Chromium|MPV|Glmark|GTK|Xwayland|Discovered' ./e2e

soak: ## the long end-to-end tests, and the benchmarks that have a bar
	@scripts/deps test
	@$(MAKE) --no-print-directory build
	KENNEL_SOAK=1 KENNEL_BIN="$(CURDIR)/bin" $(GO) test -count=1 -timeout 3h -v -bench 'Chaos|Failover|ServeRestart' -benchtime 1x ./e2e

build: ## build bin/kennel and bin/kennel-media
	$(call phase,build $(VERSION))
	$(GO) build -trimpath -ldflags '-X main.version=$(VERSION)' -o bin/ ./cmd/...

man: build ## write the man pages to dist/man
	bin/kennel manual dist/man

deps: ## install the Debian packages that running and testing need
	@scripts/deps test

generate: ## run the code generators
	$(GO) generate ./...
	$(GO) run ./cmd/kennel manual --markdown docs/cli.md

clean: ## remove what the targets made
	rm -rf bin dist coverage
	$(GO) clean -testcache
