//! Compiles the protocol definitions in `proto/`, which needs no installed protoc, and says how the release is linked.

use std::env;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    println!("cargo::rerun-if-changed=build.rs");
    let descriptors = protox::compile(["tfplugin5.proto", "grpc_controller.proto", "grpc_stdio.proto"], ["proto"])?;
    tonic_prost_build::configure()
        .build_transport(false)
        // Calls of minor versions that nobody makes of us are answered `Unimplemented`.
        .generate_default_stubs(true)
        .compile_fds(descriptors)?;
    link_small();
    Ok(())
}

/// Core starts the program three to five times per command, so that its start and size count. For the target whose linker
/// comes with the toolchain.
fn link_small() {
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    if is("TARGET", "x86_64-unknown-linux-gnu") && is("PROFILE", "release") {
        // At a fixed address, as Go's programs are: else 15,000 addresses are corrected at every start.
        println!("cargo::rustc-link-arg-bins=-no-pie");
        // Functions of equal code, of which generics make many, become one.
        println!("cargo::rustc-link-arg-bins=-Wl,--icf=all");
    }
}
