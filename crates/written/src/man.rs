//! The manual pages: one for the program and one for each command, as `--help` has them.
//!
//! Goes in: the command line. Comes out: pages for man(1), in `docs/man`.

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use tidings::settings::args::Cli;

use crate::File;

/// All pages.
pub(crate) fn files() -> Vec<File> {
    let mut cli = Cli::command();
    cli.build();
    let commands = cli.get_subcommands().filter(|c| c.get_name() != "help");
    let commands = commands.map(|command| {
        let name = format!("tidings-{}", command.get_name());
        page(command.clone(), &name)
    });
    let all: Vec<_> = commands.collect();
    [page(cli, "tidings")].into_iter().chain(all).collect()
}

fn page(command: Command, name: &str) -> File {
    let mut page = Vec::new();
    let source = concat!("tidings ", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command).source(source).manual("Tidings");
    man.render(&mut page).unwrap();
    let path = format!("docs/man/{name}.1");
    File::new(path, String::from_utf8(page).unwrap())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_with_its_options() {
        let pages = files();
        let page = |name: &str| {
            let path = format!("docs/man/{name}.1");
            let page = pages.iter().find(|file| file.path == path);
            page.map(|file| file.text.as_str()).unwrap_or_default()
        };
        assert!(page("tidings").contains("tidings\\-stale(1)"));
        assert!(page("tidings-stale").contains(".TH tidings-stale 1"));
        for option in ["all\\-namespaces", "request\\-timeout", "Exit codes"] {
            assert!(page("tidings-stale").contains(option), "{option}");
        }
    }
}
