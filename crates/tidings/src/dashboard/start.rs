//! Puts the page together, and brings it to its end.
//!
//! Goes in: settings. Comes out: an address on the terminal, and
//! pages, until a signal, or until nobody has looked for long enough.

use std::future::pending;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use futures::future::join_all;
use tokio::process::Command;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use super::attention::Attention;
use super::doors::Doors;
use super::guard::Guard;
use super::model::{self, board::Board};
use super::routes::routes;
use super::site::{ASKING, Site};
use crate::admin::seats::{self, Bounds};
use crate::api::ApiClient;
use crate::api::connect::current;
use crate::cli::exit::{Exit, note, print};
use crate::metrics::Metrics;
use crate::run::stop_signal;
use crate::settings::DashboardSettings;
use crate::token::token;

/// Some ask the API server for much, and a browser sends what other servers gave it.
const BOUNDS: Bounds = Bounds {
    time: Duration::from_mins(1),
    head: 128 << 10,
};

/// What is being answered when it ends may take so long.
const LAST: Duration = Duration::from_secs(2);

/// Nothing is written.
const WRITES: usize = 1;

/// Shows the page until told to stop.
pub async fn dashboard(settings: DashboardSettings) -> Result<Exit> {
    let stop = stop_signal().context("cannot hear signals")?;
    // That of a command asks once: watches want ways, and credentials, that are renewed.
    let api = ApiClient::connect(&settings.cluster, WRITES, &Metrics::default()).await?;
    let doors = Doors::open(settings.port).await?;
    let token = token().context("the system has no random bytes")?;
    let guard = Arc::new(Guard::new(token, doors.port, doors.hosts()));
    let attention = Arc::new(Attention::default());
    let (tell, board) = watch::channel(Arc::default());
    let site = Site {
        guard: guard.clone(),
        attention: attention.clone(),
        api: api.clone(),
        installation: Arc::new(settings.installation.clone()),
        target: settings.target.clone(),
        board,
        asking: Arc::new(Semaphore::new(ASKING)),
    };
    tell.send_replace(Arc::new(begun(&site, &settings).await?));
    greet(&guard.address(), &settings)?;
    let knowing = tokio::spawn(model::keep(site.clone(), tell));
    let (end, ended) = watch::channel(false);
    let serving = serve(doors, &site, &ended);
    let ends = async {
        let exit = tokio::select! {
            _ = stop => Exit::Interrupted,
            () = over(&attention, settings.idle) => Exit::Done,
        };
        let _ = end.send(true);
        exit
    };
    tokio::pin!(serving);
    let exit = tokio::select! {
        exit = ends => exit,
        () = &mut serving => Exit::Done,
    };
    // Who waits for an API server that hangs is not waited for.
    let _ = timeout(LAST, serving).await;
    knowing.abort();
    Ok(exit)
}

/// What is known before anything is read. A namespace that is not there is a mistake.
async fn begun(site: &Site, settings: &DashboardSettings) -> Result<Board> {
    let only = site.namespace();
    if let Some(namespace) = &only {
        site.snapshot().is_there(namespace).await?;
    }
    Ok(Board {
        of: current(&settings.cluster).map(Arc::from),
        only,
        ..Board::default()
    })
}

async fn over(attention: &Attention, limit: Option<Duration>) {
    let Some(limit) = limit else {
        return pending().await;
    };
    attention.over(limit).await;
    note("Nobody has looked for so long: this is the end.\n");
}

async fn serve(doors: Doors, site: &Site, ended: &watch::Receiver<bool>) {
    let each = doors.listeners.into_iter().map(|listener| {
        let mut ended = ended.clone();
        let stop = async move {
            let _ = ended.wait_for(|ended| *ended).await;
        };
        seats::serve(listener, routes(site.clone()), BOUNDS, stop)
    });
    join_all(each).await;
}

fn greet(address: &str, settings: &DashboardSettings) -> Result<()> {
    print(format!("{address}\n").as_bytes())?;
    let end = match settings.idle {
        Some(idle) => format!("when nobody has looked at it for {}", words(idle)),
        None => "when you stop it".to_owned(),
    };
    note(&format!(
        "Open this address: its token is for you alone. It ends at Ctrl-C, or {end}.\n"
    ));
    if settings.open {
        tokio::spawn(show(address.to_owned()));
    }
    Ok(())
}

/// `1h`, `90s`
fn words(time: Duration) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    crate::cli::columns::age(seconds)
}

/// In whatever browser there is. The address goes by no shell.
async fn show(address: String) {
    let program = if cfg!(target_os = "macos") {
        "open"
    } else {
        "xdg-open"
    };
    let mut command = Command::new(program);
    let quiet = command.arg(address).stdin(Stdio::null());
    let why = match quiet
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .await
    {
        Ok(ended) if ended.success() => return,
        Ok(ended) => ended.to_string(),
        Err(error) => error.to_string(),
    };
    note(&format!(
        "cannot show it ({program}: {why}): open it yourself\n"
    ));
}
