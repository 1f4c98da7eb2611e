//! What everybody must be able to do with a page, checked in the page itself: in the
//! style of axe, by what the browser has computed.
//!
//! Names and roles are those that a screen reader is told (Chromium's accessibility
//! tree). Contrast, overflow and focus are measured on what is drawn. The bars are those
//! of WCAG 2.2 AA: 1.4.3 (contrast 4.5, of large text 3), 1.4.10 (nothing to be scrolled
//! sideways at 360 pixels), 2.4.7 (the focus is to be seen), 4.1.2 (names and roles).

use std::collections::BTreeSet;
use std::fmt;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{Chromium, keys};

/// Where a page fails somebody.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Which rule.
    pub rule: String,
    /// Where, and what is wrong.
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.text)
    }
}

/// What is measured in the page: a list of pairs of rule and text.
const DRAWN: &str = include_str!("checks.js");

/// What can be used, as a screen reader has it.
const USABLE: &[&str] = &[
    "button",
    "checkbox",
    "combobox",
    "link",
    "menuitem",
    "radio",
    "searchbox",
    "slider",
    "spinbutton",
    "switch",
    "tab",
    "textbox",
    "DisclosureTriangle",
];

/// What must be told from others of its kind by its name.
const NAMED: &[&str] = &[
    "table",
    "img",
    "image",
    "dialog",
    "region",
    "navigation",
    "figure",
];

/// More is not looked at with the keyboard.
const STOPS: usize = 60;

impl Chromium {
    /// Everything that is wrong with the page that is shown, for whoever looks at it.
    pub async fn findings(&self) -> Result<Vec<Finding>> {
        let mut findings = BTreeSet::new();
        findings.extend(self.drawn().await?);
        findings.extend(self.told().await?);
        findings.extend(self.walked().await?);
        Ok(findings.into_iter().collect())
    }

    /// An error that names them all, where anything is wrong.
    pub async fn is_for_everybody(&self) -> Result<()> {
        let findings = self.findings().await?;
        let lines: Vec<_> = findings.iter().map(ToString::to_string).collect();
        let address = self.address().await?;
        ensure!(findings.is_empty(), "{address}\n{}", lines.join("\n"));
        Ok(())
    }

    async fn drawn(&self) -> Result<Vec<Finding>> {
        let found = self.run(DRAWN, &[]).await?;
        let found: Vec<(String, String)> = serde_json::from_value(found)?;
        let finding = |(rule, text)| Finding { rule, text };
        Ok(found.into_iter().map(finding).collect())
    }

    /// Names and roles.
    async fn told(&self) -> Result<Vec<Finding>> {
        self.devtools("Accessibility.enable", &json!({})).await?;
        let tree = self
            .devtools("Accessibility.getFullAXTree", &json!({}))
            .await?;
        let nodes: Vec<_> = tree["nodes"].as_array().into_iter().flatten().collect();
        let nodes: Vec<_> = nodes
            .into_iter()
            .filter(|node| node["ignored"] != true)
            .collect();
        let roles: Vec<_> = nodes.iter().map(|node| role(node)).collect();
        let mut findings = Vec::new();
        for (landmark, expected) in [("main", 1), ("banner", 1)] {
            let count = roles.iter().filter(|role| **role == landmark).count();
            if count != expected {
                findings.push(finding("landmarks", &format!("{count} × {landmark}")));
            }
        }
        if !roles.contains(&"navigation") {
            findings.push(finding("landmarks", "no navigation"));
        }
        let must = |role: &str| USABLE.contains(&role) || NAMED.contains(&role);
        let nameless = nodes
            .iter()
            .filter(|node| must(role(node)) && name(node).is_empty());
        findings.extend(nameless.map(|node| finding("name", &describe(node))));
        findings.extend(alike(&nodes));
        Ok(findings)
    }

    /// Where Tab leads, and whether that is to be seen.
    async fn walked(&self) -> Result<Vec<Finding>> {
        let mut findings = Vec::new();
        self.run(BEFORE, &[]).await?;
        let mut stops = 0;
        for _ in 0..STOPS {
            self.press(keys::TAB).await?;
            let stop = self.run(FOCUS, &[]).await?;
            let Some(at) = stop["at"].as_str() else {
                // Past the last stop there is none for once.
                if stops > 0 {
                    break;
                }
                continue;
            };
            if stop["again"] == true {
                break;
            }
            stops += 1;
            if stop["seen"] != true {
                findings.push(finding("focus is to be seen", at));
            }
        }
        if stops == 0 {
            findings.push(finding("focus", "Tab leads nowhere"));
        }
        self.run(AFTER, &[]).await?;
        Ok(findings)
    }
}

/// Regions of one role that are told apart by nothing.
fn alike(nodes: &[&Value]) -> Vec<Finding> {
    let mut seen = BTreeSet::new();
    let regions = nodes
        .iter()
        .filter(|node| matches!(role(node), "navigation" | "region"));
    let twice = regions.filter(|node| !seen.insert((role(node), name(node))));
    twice
        .map(|node| finding("told apart", &describe(node)))
        .collect()
}

fn finding(rule: &str, text: &str) -> Finding {
    Finding {
        rule: rule.to_owned(),
        text: text.to_owned(),
    }
}

fn role(node: &Value) -> &str {
    node["role"]["value"].as_str().unwrap_or_default()
}

fn name(node: &Value) -> &str {
    node["name"]["value"].as_str().unwrap_or_default().trim()
}

fn describe(node: &Value) -> String {
    format!(
        "{} “{}” (node {})",
        role(node),
        name(node),
        node["backendDOMNodeId"]
    )
}

/// Begins at the top of the page, and remembers how everything looks without the focus.
const BEFORE: &str = "
    document.activeElement?.blur();
    window.getSelection()?.removeAllRanges();
    window.scrollTo(0, 0);
    const look = e => { const s = getComputedStyle(e);
        return [s.outlineStyle, s.outlineWidth, s.outlineColor, s.boxShadow, s.borderColor,
            s.backgroundColor, s.color, s.stroke, s.strokeWidth].join('|'); };
    window.rigLook = look;
    window.rigWas = new Map();
    window.rigBeen = new Set();
    for (const e of document.querySelectorAll('*')) window.rigWas.set(e, look(e));
";

/// What has the focus, whether it had it before, and whether it looks otherwise now.
const FOCUS: &str = "
    const e = document.activeElement;
    if (!e || e === document.body || e === document.documentElement) return {};
    const again = window.rigBeen.has(e);
    window.rigBeen.add(e);
    const inner = e.querySelectorAll('rect, path, text');
    const other = x => window.rigLook(x) !== window.rigWas.get(x);
    const box = e.getBoundingClientRect();
    const text = (e.innerText ?? e.textContent ?? '').trim().slice(0, 40);
    return { at: `<${e.localName} id='${e.id}' class='${e.className?.baseVal ?? e.className}'> ${text}`,
        again, seen: box.width > 0 && box.height > 0 && (other(e) || [...inner].some(other)) };
";

/// Leaves the page as it was.
const AFTER: &str = "
    delete window.rigLook; delete window.rigWas; delete window.rigBeen;
    document.activeElement?.blur();
    window.scrollTo(0, 0);
";
