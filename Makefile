# What people and CI run. Everything here works on a fresh clone with Rust and
# Go; what is slow to build is kept in a cache outside the tree.

CARGO ?= cargo
RIG := $(CARGO) run -q -p rig --bin rig-cluster --
TARGET := $(or $(CARGO_TARGET_DIR),target)

.PHONY: help demo test test-fast bench check docs advisories clean
help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## watch a changed ConfigMap roll a Deployment on a real control plane
	@echo "Building the controller and the demo; then, once, a Kubernetes control plane."
	@$(CARGO) build -p tidings -p rig --bin tidings --bin demo
	@TIDINGS_BIN=$(TARGET)/debug/tidings $(TARGET)/debug/demo $(STAY)

test: ## all tests, those against a real control plane too
	$(CARGO) test --workspace --exclude rig
	$(CARGO) build -p tidings
	$(RIG) $(CARGO) test -p rig

test-fast: ## the tests that need no cluster
	$(CARGO) test

bench: ## the figures of ARCHITECTURE.md, each beside its floor
	$(CARGO) build --release -p tidings -p rig --bins
	$(CARGO) run -q --release -p rig --bin bench

check: ## what CI checks before it tests: format, lints, dependencies
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	scripts/deny check --hide-inclusion-graph licenses bans sources

docs: ## write the reference pages anew
	$(CARGO) run -q -p tidings -- reference --write docs

advisories: ## ask for known vulnerabilities (needs the network)
	scripts/deny check advisories

clean: ## remove what was built
	$(CARGO) clean
