//! A real browser: Debian's Chromium without a screen, led by its WebDriver.
//!
//! In: addresses, keys, scripts. Out: what is on the page, as people and screen readers
//! have it; pictures. What the browser cannot do is an error that says what was asked.
//!
//! WebDriver is JSON over HTTP (<https://www.w3.org/TR/webdriver2/>), and a dozen of its
//! requests are all that it takes. What it has no word for (colour schemes, scripts
//! switched off, the tree of a screen reader) is asked by Chromium's own protocol, through
//! the same door (<https://chromedevtools.github.io/devtools-protocol/>).

mod checks;
mod wire;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::daemon::{Daemon, Program};
use crate::ports::free_port;
use crate::wait::{secs, wait_until};
use wire::Wire;

pub use checks::Finding;

/// How long a page may take to say what is waited for.
pub const LIMIT: Duration = secs(30);

/// The name of a key that is no letter, as WebDriver has it.
pub mod keys {
    /// To what can be used next.
    pub const TAB: &str = "\u{E004}";
    /// To follow a link, or send a form.
    pub const ENTER: &str = "\u{E007}";
    /// To leave a field.
    pub const ESCAPE: &str = "\u{E00C}";
}

/// How somebody looks at a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Whether he likes it dark.
    pub dark: bool,
    /// The width of the window, in pixels of CSS.
    pub width: u32,
    /// Its height.
    pub height: u32,
}

/// A window of a laptop.
pub const DESK: Look = Look {
    dark: false,
    width: 1280,
    height: 900,
};

/// A small phone.
pub const PHONE: Look = Look {
    dark: false,
    width: 360,
    height: 740,
};

impl Look {
    /// The same in the dark.
    #[must_use]
    pub fn dark(self) -> Self {
        Self { dark: true, ..self }
    }
}

/// A browser of one's own; it ends when dropped.
pub struct Chromium {
    wire: Wire,
    /// The browser ends with its driver, to which it speaks by a pipe.
    driver: Daemon,
    _scratch: TempDir,
}

impl Chromium {
    /// Starts one that looks at nothing yet.
    pub async fn start() -> Result<Self> {
        let scratch = tempfile::tempdir()?;
        let port = free_port()?;
        let program = Program::new("chromedriver").arg(format!("--port={port}"));
        // Whatever it keeps goes with it.
        let program = program
            .env("HOME", scratch.path())
            .env("TMPDIR", scratch.path());
        let driver = Daemon::spawn("chromedriver", &program, &scratch.path().join("log"));
        let driver = driver.context("is there no Chromium? `scripts/browser` installs it")?;
        let mut browser = Self {
            wire: Wire::new(port),
            driver,
            _scratch: scratch,
        };
        browser
            .open()
            .await
            .with_context(|| browser.driver.tail())?;
        // As if its window were the one in front.
        let front = json!({"enabled": true});
        browser
            .devtools("Emulation.setFocusEmulationEnabled", &front)
            .await?;
        browser.look(DESK).await?;
        Ok(browser)
    }

    async fn open(&mut self) -> Result<()> {
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {"args": ARGS},
        }}});
        let session = wait_until("the browser", LIMIT, async || {
            self.wire.post("session", &wanted).await
        });
        let session = session.await?;
        let id = session["sessionId"].as_str().context("no session")?;
        self.wire.enter(id);
        Ok(())
    }

    /// Goes to an address, and waits until it is loaded.
    pub async fn go(&self, url: &str) -> Result<()> {
        self.wire.post("url", &json!({"url": url})).await?;
        Ok(())
    }

    /// Loads the page again.
    pub async fn reload(&self) -> Result<()> {
        self.wire.post("refresh", &json!({})).await?;
        Ok(())
    }

    /// Where it is.
    pub async fn address(&self) -> Result<String> {
        let url = self.wire.get("url").await?;
        Ok(url.as_str().unwrap_or_default().to_owned())
    }

    /// What the body of a function returns, in the page.
    pub async fn run(&self, script: &str, args: &[Value]) -> Result<Value> {
        let asked = json!({"script": script, "args": args});
        self.wire.post("execute/sync", &asked).await
    }

    /// The texts of all elements that a selector finds, as they are to be seen.
    pub async fn texts(&self, selector: &str) -> Result<Vec<String>> {
        let script = "return [...document.querySelectorAll(arguments[0])].map(e => \
                      (e.innerText ?? e.textContent).trim())";
        let texts = self.run(script, &[json!(selector)]).await?;
        Ok(serde_json::from_value(texts)?)
    }

    /// The text of the first one.
    pub async fn text(&self, selector: &str) -> Result<String> {
        let first = self.texts(selector).await?.into_iter().next();
        first.with_context(|| format!("no {selector} at {}", self.tail()))
    }

    /// Waits until the text of the page, or of what a selector finds, holds this.
    pub async fn shows(&self, selector: &str, text: &str) -> Result<String> {
        wait_until(&format!("{selector} to show {text}"), LIMIT, async || {
            let texts = self.texts(selector).await?;
            let found = texts.iter().find(|one| one.contains(text));
            found.cloned().with_context(|| format!("{texts:?}"))
        })
        .await
    }

    /// Clicks on the first element that a selector finds.
    pub async fn click(&self, selector: &str) -> Result<()> {
        let found = json!({"using": "css selector", "value": selector});
        let element = self.wire.post("element", &found).await?;
        let id = element
            .as_object()
            .and_then(|ids| ids.values().next()?.as_str());
        let path = format!("element/{}/click", id.context("no element")?);
        self.wire.post(&path, &json!({})).await?;
        Ok(())
    }

    /// Presses keys, one after the other, wherever the focus is.
    pub async fn press(&self, keys: &str) -> Result<()> {
        let pressed = keys.chars().flat_map(|key| {
            ["keyDown", "keyUp"].map(|what| json!({"type": what, "value": key.to_string()}))
        });
        let keyboard =
            json!({"type": "key", "id": "keyboard", "actions": pressed.collect::<Vec<_>>()});
        self.wire
            .post("actions", &json!({"actions": [keyboard]}))
            .await?;
        Ok(())
    }

    /// Looks at pages in this way from now on.
    pub async fn look(&self, look: Look) -> Result<()> {
        let scheme = if look.dark { "dark" } else { "light" };
        let still = json!({"name": "prefers-reduced-motion", "value": "reduce"});
        let scheme = json!({"name": "prefers-color-scheme", "value": scheme});
        let media = json!({"features": [scheme, still]});
        self.devtools("Emulation.setEmulatedMedia", &media).await?;
        let size = json!({"width": look.width, "height": look.height,
            "deviceScaleFactor": 1, "mobile": look.width < 600});
        self.devtools("Emulation.setDeviceMetricsOverride", &size)
            .await?;
        Ok(())
    }

    /// Whether scripts of pages run that are loaded from now on.
    pub async fn scripts(&self, run: bool) -> Result<()> {
        let off = json!({"value": !run});
        self.devtools("Emulation.setScriptExecutionDisabled", &off)
            .await?;
        Ok(())
    }

    /// Cuts it off from everything, or brings it back.
    pub async fn cut_off(&self, is_off: bool) -> Result<()> {
        let network = json!({"offline": is_off, "latency": 0,
            "downloadThroughput": -1, "uploadThroughput": -1});
        self.devtools("Network.emulateNetworkConditions", &network)
            .await?;
        Ok(())
    }

    /// What the window shows, as PNG.
    pub async fn picture(&self) -> Result<Vec<u8>> {
        let picture = self.wire.get("screenshot").await?;
        let picture = picture.as_str().context("no picture")?;
        Ok(BASE64_STANDARD.decode(picture)?)
    }

    /// What the browser has complained about since it was asked last: scripts that fail,
    /// what the page's policy forbids, what could not be loaded.
    pub async fn complaints(&self) -> Result<Vec<String>> {
        let log = self
            .wire
            .post("se/log", &json!({"type": "browser"}))
            .await?;
        let lines = log.as_array().into_iter().flatten();
        let texts = lines.filter_map(|line| line["message"].as_str());
        Ok(texts.map(str::to_owned).collect())
    }

    /// An error where the browser has complained.
    pub async fn is_content(&self) -> Result<()> {
        let complaints = self.complaints().await?;
        ensure!(complaints.is_empty(), "{complaints:#?}");
        Ok(())
    }

    /// Asks Chromium in its own words.
    pub async fn devtools(&self, command: &str, params: &Value) -> Result<Value> {
        let asked = json!({"cmd": command, "params": params});
        self.wire.post("goog/cdp/execute", &asked).await
    }

    fn tail(&self) -> String {
        self.driver.tail()
    }
}

/// Without a sandbox, since tests run as root in containers; what is looked at is our own.
const ARGS: &[&str] = &[
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--font-render-hinting=none",
    "--lang=en-US",
    "--remote-debugging-pipe",
];
