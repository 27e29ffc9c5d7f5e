//! Compiles the protocol definitions in `proto/`. Needs no installed protoc.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let descriptors = protox::compile(["tfplugin5.proto", "grpc_controller.proto", "grpc_stdio.proto"], ["proto"])?;
    tonic_prost_build::configure()
        .build_transport(false)
        // Calls of minor versions that nobody makes of us are answered `Unimplemented`.
        .generate_default_stubs(true)
        .compile_fds(descriptors)?;
    Ok(())
}
