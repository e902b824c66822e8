# The front door: every target installs what it needs first (scripts/install-deps.sh), then builds.
# Figures go to build/ (programs), build/asan and build/tsan (tests).

SHELL := /bin/bash
MAKEFLAGS += --no-print-directory
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help build run test test-tsan bench lint format format-check install-deps crash clean docker

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## the programs, optimised, into build/
	@scripts/install-deps.sh run
	@scripts/build.sh release

run: build ## demo: simulator and service, one full analysis cycle, then serves until Ctrl-C
	@exec scripts/run-demo.py $(ARGS)

test: ## everything: format, lint, contract, unit, actor and end-to-end tests under ASan and UBSan
	@exec scripts/test.sh asan $(ARGS)

test-tsan: ## the tests under ThreadSanitizer
	@exec scripts/test.sh tsan $(ARGS)

bench: ## measures, prints and writes JSON
	@scripts/install-deps.sh bench
	@scripts/build.sh release
	@exec /usr/bin/python3 tests/bench/run-bench.py $(ARGS)

crash: ## kill -9 at random moments under load, then checks that nothing acknowledged is lost
	@scripts/install-deps.sh test
	@scripts/build.sh release
	@exec /usr/bin/python3 tests/crash/run-crash.py $(ARGS)

lint: ## clang-tidy and the house rules
	@scripts/install-deps.sh test
	@scripts/build.sh release integration_generated
	@exec scripts/lint.py

format: ## rewrites the sources with clang-format
	@scripts/install-deps.sh test
	@exec scripts/format-check.sh --fix

format-check: ## fails when `make format` would change something
	@scripts/install-deps.sh test
	@exec scripts/format-check.sh

install-deps: ## installs everything the targets above need
	@exec scripts/install-deps.sh run test bench

docker: ## builds the container image
	@exec docker build -t integration-service .

clean: ## removes build/
	@rm -rf build
