//! `make demo`: the example of the README on a real control plane, step by step.

use std::process::ExitCode;

use clap::Parser;
use rig::demo;
use tokio::signal::unix::{SignalKind, signal};

/// Shows how a changed ConfigMap rolls the Deployment that uses it.
#[derive(Parser)]
struct Args {
    /// Keeps the cluster and the controller at the end, until Ctrl-C.
    #[arg(long)]
    stay: bool,
}

// One thread: the kernel ends our children when the thread that started them ends.
#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stderr, reason = "why it failed is for the person")]
async fn main() -> ExitCode {
    let args = Args::parse();
    // A value that is dropped ends its processes, so an interrupt drops it.
    let shown = tokio::select! {
        shown = demo::show(args.stay) => shown,
        () = interrupted() => return ExitCode::from(130),
    };
    match shown {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nThe demo did not go as it should: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn interrupted() {
    let ends = [SignalKind::terminate(), SignalKind::interrupt()].map(signal);
    let [Ok(mut terminate), Ok(mut interrupt)] = ends else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => (),
        _ = interrupt.recv() => (),
    }
}
