//! Somebody who looks at `tidings dashboard`, by HTTP and without eyes.
//!
//! In: a kubeconfig and options. Out: pages, as a browser without a script would have
//! them. The program ends when this is dropped.

use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use http::header::{COOKIE, LOCATION, SET_COOKIE};
use rustix::process::Signal;

use crate::fetch::{self, Answer};
use crate::process::{self, Tidings};
use crate::wait::{secs, wait_until};

/// It, and the page that it looks at.
pub struct Browser {
    tidings: Tidings,
    /// The address that was printed.
    address: String,
    cookie: String,
}

impl Browser {
    /// Starts the page, on any port, and opens the address that it prints.
    pub async fn open(kubeconfig: &Path, options: &[&str]) -> Result<Self> {
        let words = [&["dashboard", "--port", "0"], options].concat();
        let tidings = process::start(kubeconfig, &words)?;
        let is_address = |line: &str| line.starts_with("http://");
        let address = tidings.wait_for_line("an address", secs(30), is_address);
        let address = address.await?;
        let answer = fetch::ask(&address, &[]).await?;
        let header = |name| {
            answer
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let cookie = header(SET_COOKIE).and_then(|cookie| cookie.split(';').next());
        let cookie = cookie.context("no cookie")?.to_owned();
        ensure!(header(LOCATION) == Some("/"), "{:?}", answer.headers);
        Ok(Self {
            tidings,
            address,
            cookie,
        })
    }

    /// The address that it printed.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.tidings.pid()
    }

    fn url(&self, path: &str) -> String {
        let (base, _) = self.address.split_once("/?").unwrap_or((&self.address, ""));
        format!("{base}{path}")
    }

    /// A page.
    pub async fn get(&self, path: &str) -> Result<String> {
        let headers = [(COOKIE, self.cookie.as_str())];
        let answer = fetch::ask(&self.url(path), &headers).await?;
        ensure!(
            answer.status == 200,
            "{path}: {} {}",
            answer.status,
            answer.text
        );
        Ok(answer.text)
    }

    /// What is answered to a stranger, who has no cookie.
    pub async fn stranger(&self, path: &str) -> Result<(u16, String)> {
        let Answer { status, text, .. } = fetch::ask(&self.url(path), &[]).await?;
        Ok((status, text))
    }

    /// Waits until a page shows all of these, and gives it.
    pub async fn shows(&self, path: &str, texts: &[&str], limit: Duration) -> Result<String> {
        wait_until(&texts.join(", "), limit, async || {
            let page = self.get(path).await?;
            for text in texts {
                ensure!(page.contains(text), "no {text}: {page}");
            }
            Ok(page)
        })
        .await
    }

    /// Tells it to end, and waits until it has.
    pub async fn close(self) -> Result<ExitStatus> {
        self.tidings.signal(Signal::TERM)?;
        self.tidings.exit(secs(15)).await
    }

    /// Waits until it has ended by itself.
    pub async fn ends(self, limit: Duration) -> Result<ExitStatus> {
        self.tidings.exit(limit).await
    }
}
