//! `tidings dashboard` as it runs, and a browser that looks at it.

use anyhow::{Context, Result};

use crate::chromium::{Chromium, LIMIT};
use crate::process::Tidings;

/// Both; they end when dropped.
pub struct Dashboard {
    /// What looks at it.
    pub browser: Chromium,
    /// What serves it.
    pub tidings: Tidings,
    base: String,
}

impl Dashboard {
    /// Opens the address that a page prints which was started just now (with `--port=0`,
    /// since many run side by side).
    pub async fn open(tidings: Tidings) -> Result<Self> {
        let is_address = |line: &str| line.starts_with("http://");
        let address = tidings
            .wait_for_line("an address", LIMIT, is_address)
            .await?;
        let (base, _) = address
            .split_once("/?")
            .context("an address without a token")?;
        let browser = Chromium::start().await?;
        browser.go(&address).await?;
        Ok(Self {
            browser,
            tidings,
            base: base.to_owned(),
        })
    }

    /// Goes to one of its addresses: `/graph?ns=stage`.
    pub async fn go(&self, path: &str) -> Result<()> {
        self.browser.go(&format!("{}{path}", self.base)).await
    }

    /// Where it is, without the host.
    pub async fn path(&self) -> Result<String> {
        let address = self.browser.address().await?;
        Ok(address
            .strip_prefix(&self.base)
            .unwrap_or(&address)
            .to_owned())
    }
}
