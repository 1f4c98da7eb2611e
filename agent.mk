# Make targets of the agent; included by the Makefile.
.PHONY: demo-agent test-agent bench-agent agent-static agent-docs

## A real nginx under the agent, without a cluster
demo-agent:
	demo/agent/run

## Everything of the agent that can be tested: needs the servers of .ci/agent
test-agent:
	cargo test --locked --package tidings-agent
	cargo test --locked --package tidings-core supervise

## The agent's numbers beside their bars, with the floor of the same run
bench-agent:
	TIDINGS_AGENT="$$(crates/agent/build-static | tail -1)" cargo bench --locked --package tidings-agent --bench agent

## One static file; prints its path
agent-static:
	crates/agent/build-static

## Writes the generated parts of docs/agent.md and docs/presets.md
agent-docs:
	TIDINGS_WRITE_DOCS=1 cargo test --quiet --locked --package tidings-agent --bin tidings-agent page
