//! `make demo`, `make demo-sight`, `make demo-people`, `make demo-dashboard`: what Tidings
//! does, what its commands and its page see, and what people decide, on a real control plane,
//! step by step; `make demo-hot`, `make demo-in-place`:
//! what it does in running pods, on a real node.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use rig::demo;
use tokio::signal::unix::{SignalKind, signal};

/// Shows on a real control plane what Tidings does.
#[derive(Parser)]
struct Args {
    /// What is shown.
    #[arg(default_value = "roll")]
    story: Story,
    /// Keeps the cluster and the controller at the end, until Ctrl-C.
    #[arg(long)]
    stay: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Story {
    /// How a changed ConfigMap rolls the Deployment that uses it.
    Roll,
    /// What the reading commands see, before it is installed and after.
    Sight,
    /// How a change goes into the nginx that runs; as root.
    Hot,
    /// How a changed variable reaches containers in the pods that run; as root.
    InPlace,
    /// What people in charge decide about the rolls of a workload.
    People,
    /// The example on the page: for a person to change with --stay, else without eyes.
    Dashboard,
}

impl Story {
    async fn show(self, stay: bool) -> Result<()> {
        match self {
            Self::Roll => demo::show(stay).await,
            Self::Sight => demo::show_sight(stay).await,
            Self::Hot => demo::show_hot(stay).await,
            Self::InPlace => demo::show_in_place(stay).await,
            Self::People => demo::show_people(stay).await,
            Self::Dashboard => demo::show_dashboard(stay).await,
        }
    }
}

// One thread: the kernel ends our children when the thread that started them ends.
#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stderr, reason = "why it failed is for the person")]
async fn main() -> ExitCode {
    let args = Args::parse();
    // A value that is dropped ends its processes, so an interrupt drops it.
    let shown = tokio::select! {
        shown = args.story.show(args.stay) => shown,
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
