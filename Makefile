# The commands of README.md and CI. Each installs what it needs (scripts/setup) and says what it does.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

LISTEN ?= 0.0.0.0:8080
DATA ?= ./data
# Thin LTO is for what is shipped and measured: here it would be a third of the first start.
QUICK := CARGO_PROFILE_RELEASE_LTO=off
TARGET := $(or $(CARGO_TARGET_DIR),target)

web_sources := $(shell find web-client -path web-client/node_modules -prune -o -path web-client/dist -prune -o \
	-path web-client/e2e -prune -o -type f -print)

.PHONY: help run teach test stories check bench fmt generate build

help: ## what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: build ## build and serve http://localhost:8080 with a demo district; data is kept in ./data
	@exec $(TARGET)/release/tongke serve --demo --data $(DATA) --listen $(LISTEN)

build: ## build the server, the recorder and the pages
	@scripts/setup run
	@$(MAKE) --no-print-directory web-client/dist/index.html
	@$(QUICK) cargo build --release

teach: ## put a robot teacher with generated footage into the demo lesson of a running `make run`
	@scripts/setup teach
	@$(QUICK) cargo build --release -p tongke-loadtest
	@DATA=$(DATA) BIN=$(TARGET)/release loadtest/teach.sh

test: ## all tests: units and behaviours of every part, then the stories
	@scripts/test

stories: ## of the tests, whole programs together: robot teacher, GStreamer, aiortc, real Chromium
	@scripts/stories

check: ## formatting, lints, docs, licences, generated files
	@scripts/check

bench: ## measurements: forwarding against its floor, recorder, 50 classrooms, joins in Chromium
	@scripts/bench

fmt: ## format the sources
	@cargo fmt
	@cd web-client && npm run --silent fmt

generate: ## files made from others: TypeScript of the messages, OpenAPI, the typed client
	@scripts/generate

web-client/dist/index.html: $(web_sources)
	@echo "building the pages"
	@cd web-client && npm run --silent build
