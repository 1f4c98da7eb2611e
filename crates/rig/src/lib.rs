//! A real control plane for tests, the demo and the benchmarks.
