//! What is said of a page is so: the checks that every view must pass find, on a page that
//! has them, the faults that they look for.

use anyhow::{Result, ensure};
use rig::chromium::{Chromium, DESK, PHONE};

/// A page on which nothing is wrong.
const GOOD: &str = "<!doctype html><html lang='en'><meta charset='utf-8'>\
    <meta name='viewport' content='width=device-width, initial-scale=1'><title>Good</title>\
    <header><nav aria-label='Views'><a href='%23'>Home</a></nav></header>\
    <main><h1>Good</h1><label for='q'>Name</label> <input id='q'>\
    <table aria-label='Things'><tr><th scope='col'>Thing</th></tr><tr><td>One</td></tr></table></main>";

async fn findings(browser: &Chromium, page: &str) -> Result<String> {
    browser.go(&format!("data:text/html,{page}")).await?;
    let findings = browser.findings().await?;
    let lines: Vec<_> = findings.iter().map(ToString::to_string).collect();
    Ok(lines.join("\n"))
}

#[tokio::test]
#[ignore = "needs Chromium: make test-page"]
async fn a_good_page_has_no_faults_and_a_bad_one_those_that_it_has() -> Result<()> {
    let browser = Chromium::start().await?;
    for look in [DESK, PHONE, DESK.dark()] {
        browser.look(look).await?;
        let found = findings(&browser, GOOD).await?;
        ensure!(found.is_empty(), "{look:?}: {found}");
    }
    for (from, to, rule) in FAULTS {
        let page = GOOD.replace(from, to);
        ensure!(page != GOOD, "{from} is not in the page");
        let found = findings(&browser, &page).await?;
        ensure!(found.contains(rule), "{to}: no “{rule}” in {found:?}");
    }
    Ok(())
}

/// What takes the place of what, and the rule that it breaks.
const FAULTS: &[(&str, &str, &str)] = &[
    (" lang='en'", "", "language"),
    ("<title>Good</title>", "", "title"),
    ("<h1>Good</h1>", "<h1>A</h1><h3>B</h3>", "headings: B skips"),
    ("<main>", "<div>", "landmarks: 0 × main"),
    (">Home<", "><", "name: link"),
    ("<label for='q'>Name</label>", "", "name: textbox"),
    ("<table aria-label='Things'>", "<table>", "name: table"),
    (" scope='col'", "", "tables"),
    ("<td>One", "<td id='q'>One", "ids: q"),
    (
        "<input id='q'>",
        "<input id='q' aria-describedby='z'>",
        "references",
    ),
    ("<td>", "<td style='color: silver'>", "contrast"),
    ("<td>", "<td style='color: silver'>", "inline"),
    ("<a ", "<a style='outline: none' ", "focus is to be seen"),
    (
        "<td>One",
        "<td><div style='width: 3000px'>One</div>",
        "overflow",
    ),
    (
        "<td>One",
        "<td><div style='width: 9em; overflow-x: auto'><p style='width: 30em'>One",
        "scrolling",
    ),
    ("<input ", "<input tabindex='3' ", "focus order"),
];
