//! What Tidings promises against a real control plane, one promise a file.
//!
//! All share one cluster and run side by side: each has namespaces of its own, and
//! whoever stops or freezes an API server has a cluster of its own.

mod absent_sources;
mod adopt_writes_nothing;
mod after_a_roll_others_may_edit;
mod api_outage;
mod bad_input_is_told;
mod changed_while_being_made;
mod changed_while_down;
mod chart;
mod clean_exit;
mod clocks;
mod cluster;
mod commands_of_the_pages;
mod edits_taken_back;
mod every_way_of_use_rolls;
mod examples_are_admitted;
mod failover;
mod faults;
mod flapping;
mod frozen_leader;
mod jobs;
mod killed_mid_fan_out;
mod kinds_on_demand;
mod least_rights;
mod metadata_edits_roll_nothing;
mod newer_records;
mod odd_custom_resources;
mod one_denied_workload_delays_no_other;
mod only_used_keys_roll;
mod opt_in;
mod other_kinds;
mod own_namespace;
mod pauses;
mod proxy;
mod refusal_storms;
mod reloaders_observables;
mod rotated_classes_roll;
mod secrets_leave_no_trace;
mod seed_example;
mod server_restart;
mod state_objects;
mod static_manifests;
mod storm;
mod strategies;
mod swap;
mod the_demo;
mod together_with_the_deployment;
mod told_elsewhere;
mod two_replicas;
mod two_sources_one_roll;
mod used_as_the_kubelet_does;
mod waits;
mod who_was_first_while_down;
mod why;
