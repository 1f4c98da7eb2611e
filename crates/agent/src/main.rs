//! `tidings-agent`: all of it is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    tidings_agent::main()
}
