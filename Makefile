# What people and CI run. Everything here works on a fresh clone with Rust and
# Go; what is slow to build is kept in a cache outside the tree.

CARGO ?= cargo
# What failed is an error's own words. The stack of an async test is none of it, and so
# long that whoever cuts a log cuts the words.
export RUST_LIB_BACKTRACE ?= 0
TARGET := $(or $(CARGO_TARGET_DIR),target)

.PHONY: help demo demo-sight demo-hot demo-in-place demo-people demo-dashboard demo-agent test test-controller test-agent test-install test-static test-page test-node test-operators test-upgrade test-storm test-fast storm bench bench-strangers bench-scale bench-node bench-agent check screenshots docs advisories clean
help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## watch a changed ConfigMap roll a Deployment on a real control plane
	@$(demo) roll $(STAY)

demo-sight: ## what is stale, what would restart, why: before an installation and after
	@$(demo) sight $(STAY)

demo-hot: ## a change goes into the nginx that runs, a broken one into none: on a real node (as root)
	@$(demo) hot $(STAY)

demo-in-place: ## a changed variable in the pod that runs, on a real node (as root)
	@$(demo) in-place $(STAY)

demo-people: ## what would restart is seen, waits, is approved, goes a few at a time, stops, goes on
	@$(demo) people $(STAY)

demo-dashboard: ## the example in a browser, while you change its ConfigMap yourself
	@$(demo) dashboard --stay

define demo
echo "Building the controller and the demo; then, once, a Kubernetes control plane." && \
$(CARGO) build -p tidings --bin tidings && \
$(CARGO) build -p rig --bin demo && \
TIDINGS_BIN=$(TARGET)/debug/tidings $(TARGET)/debug/demo
endef

demo-agent: ## watch a real nginx take, refuse and take a configuration, without a cluster
	@demo/agent/run

test: test-agent demo-agent test-install test-static test-controller test-page test-storm demo demo-sight demo-people demo-hot demo-in-place ## all tests: real servers, a real control plane
	@$(demo) dashboard

# The cluster is not started by `cargo run`, whose variables would have crates built
# anew. Most of a test against it is waiting: there may be more tests than cores.
test-controller: ## all tests but the agent's: those against a real control plane too
	$(CARGO) test --workspace --exclude rig --exclude tidings-agent
	$(CARGO) build -p tidings
	$(CARGO) test -p rig --no-run
	TIDINGS_BIN=$(abspath $(TARGET)/debug/tidings) RUST_TEST_THREADS=8 $(TARGET)/debug/rig-cluster -- $(CARGO) test -p rig

test-agent: ## the agent's tests; installs the servers that they talk to (Debian, as root)
	scripts/servers
	$(CARGO) test -p tidings-agent
	crates/agent/check-static

test-page: ## the page in a real browser; installs that (Debian, as root)
	scripts/browser
	$(CARGO) build -p tidings
	$(CARGO) test -p rig --no-run
	TIDINGS_BIN=$(abspath $(TARGET)/debug/tidings) RUST_TEST_THREADS=4 $(TARGET)/debug/rig-cluster -- $(CARGO) test -p rig --test it page_ -- --ignored

# The cluster is not started by `cargo run`, and the agent is the one that ships.
test-node: ## on a real node, where pods run; takes programs of Debian's packages (as root)
	$(CARGO) build -p tidings
	$(CARGO) test -p rig --test node --no-run
	TIDINGS_BIN=$(abspath $(TARGET)/debug/tidings) TIDINGS_AGENT="$$(crates/agent/build-static | tail -1)" RUST_TEST_THREADS=4 $(TARGET)/debug/rig-cluster --node -- $(CARGO) test -p rig --test node

test-operators: ## beside the real Prometheus operator, built once from its Go module
	cluster/operators >/dev/null
	$(CARGO) build -p tidings
	$(CARGO) test -p rig --no-run
	TIDINGS_BIN=$(abspath $(TARGET)/debug/tidings) $(TARGET)/debug/rig-cluster -- $(CARGO) test -p rig --test it operators -- --ignored

test-install: ## what Prometheus makes of the alert rules and the dashboard (needs its promtool)
	dashboards/tests/run

test-static: ## the controller's static file in a root directory that holds nothing else (as root)
	crates/tidings/check-static

test-upgrade: ## this version beside the one before the records' form had a number; builds that one
	$(CARGO) build -p tidings
	$(CARGO) test -p rig --test upgrade --no-run
	TIDINGS_BIN=$(abspath $(TARGET)/debug/tidings) TIDINGS_FORMER_BIN=$$(scripts/former) $(TARGET)/debug/rig-cluster -- $(CARGO) test -p rig --test upgrade

test-storm: ## five minutes of `make storm`, always of the same seed
	@$(MAKE) storm STORM="--seed 1 --lives 4"

test-fast: ## the tests that need neither a cluster nor servers
	$(CARGO) test -p tidings-core -p tidings-shared -p tidings-wire -p tidings-supervise -p tidings

storm: ## 200 random lives in bad weather: hours (STORM="--seed 7 --lives 1" repeats one)
	$(CARGO) build -p tidings -p rig --bin tidings --bin storm
	@TIDINGS_BIN=$(TARGET)/debug/tidings $(TARGET)/debug/storm $(STORM)

bench: ## the figures of what ships, each beside its floor (BENCH=--help)
	$(CARGO) build --release -p rig --features rig/bench --bin bench
	@TIDINGS_BIN="$$(crates/tidings/build-static | tail -1)" $(TARGET)/release/bench $(BENCH)

bench-strangers: ## a neighbour's changes beside what one tenant does (BENCH=regex: only such inputs)
	$(CARGO) build --release -p rig --features rig/bench --bin bench
	@TIDINGS_BIN="$${TIDINGS_BIN:-$$(crates/tidings/build-static | tail -1)}" $(TARGET)/release/bench strangers $(BENCH)

bench-scale: ## how its costs grow with the cluster: half an hour (SCALE="--sources 1000 --json FILE")
	$(CARGO) build --release -p rig --features rig/bench --bin bench
	@TIDINGS_BIN="$$(crates/tidings/build-static | tail -1)" $(TARGET)/release/bench growth $(SCALE)

bench-node: ## changes that go hot on a real node, beside a poke by hand and the kubelet (as root)
	$(CARGO) build --release -p rig --features rig/bench --bin bench
	@TIDINGS_BIN="$$(crates/tidings/build-static | tail -1)" TIDINGS_AGENT="$$(crates/agent/build-static | tail -1)" $(TARGET)/release/bench node $(BENCH)

bench-agent: ## the agent's figures, beside a bare inotify loop
	TIDINGS_AGENT="$$(crates/agent/build-static | tail -1)" $(CARGO) bench -p tidings-agent --bench agent

check: ## what CI checks before it tests: marks of a merge, format, lints, dependencies
	@if git grep -nE '^(<<<<<<<|>>>>>>>) '; then echo "a merge has left its marks"; exit 1; fi
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --features rig/bench -- -D warnings
	scripts/deny check --hide-inclusion-graph licenses bans sources

screenshots: ## take the pictures of the page that docs/ shows, in a real browser
	scripts/browser
	$(CARGO) build -p tidings
	$(CARGO) build -p rig --bin screenshots
	TIDINGS_BIN=$(TARGET)/debug/tidings $(TARGET)/debug/screenshots

docs: ## write anew what follows from tables: reference pages, manifests, dashboards
	$(CARGO) run -q -p written

advisories: ## ask for known vulnerabilities (needs the network)
	scripts/deny check advisories

clean: ## remove what was built
	$(CARGO) clean
