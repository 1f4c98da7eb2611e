//! `tidings completion`: scripts that complete the command line.
//!
//! Goes in: a shell. Comes out: its script, from the table of options.

use clap::CommandFactory;

use crate::settings::args::Cli;
use crate::settings::values::Shell;

/// The script.
pub fn script(shell: Shell) -> Vec<u8> {
    let shell = match shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "tidings", &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_completes_the_options() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = String::from_utf8(script(shell)).unwrap();
            assert!(script.contains("namespaces-to-ignore"), "{shell:?}");
        }
    }
}
