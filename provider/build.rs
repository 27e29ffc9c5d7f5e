//! Packs the JSON Schemas of all nouns: a program that makes them from the structs at run time is larger by half a megabyte.

#![allow(clippy::print_stdout, reason = "this is how a build script speaks to cargo")]

use std::error::Error;
use std::path::Path;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let text = serde_json::to_vec(&pve_schemas::json_schema::all())?;
    let best = 10;
    let packed = miniz_oxide::deflate::compress_to_vec(&text, best);
    let folder = env::var("OUT_DIR")?;
    fs::write(Path::new(&folder).join("schemas.deflate"), packed)?;
    Ok(())
}
