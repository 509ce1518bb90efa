//! The `kaniko-local` binary: hands its arguments to the library and exits with the code it returns.

use std::process::ExitCode;

fn main() -> ExitCode {
    kaniko_local::run(std::env::args_os())
}
