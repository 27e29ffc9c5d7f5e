//! Finds out whether OpenSSH is installed, so that tests that need it are ignored by name where it isn't.

use std::path::Path;

#[path = "src/needed.rs"]
mod needed;

fn main() {
    println!("cargo::rustc-check-cfg=cfg(no_openssh)");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/needed.rs");
    // A program that is missing makes this run again each time, as intended.
    needed::OPENSSH.iter().for_each(|(program, _)| println!("cargo::rerun-if-changed={program}"));
    if !needed::OPENSSH.iter().all(|(program, _)| Path::new(program).exists()) {
        println!("cargo::rustc-cfg=no_openssh");
    }
}
