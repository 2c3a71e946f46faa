//! Compiles Mbed TLS, whose sources are in the folder that MBEDTLS3 names, and the little of it that this program needs.

use std::env::var;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo:rerun-if-env-changed=MBEDTLS3");
    println!("cargo:rerun-if-changed=glue.c");
    let source = PathBuf::from(var("MBEDTLS3").expect("MBEDTLS3 names the sources of Mbed TLS"));
    let mut build = cc::Build::new();
    build
        .include(source.join("include"))
        .include(source.join("library"))
        .opt_level(1)
        .file("glue.c")
        .files(c_files(&source.join("library")))
        .compile("mbedtls3");
}

fn c_files(folder: &Path) -> Vec<PathBuf> {
    let entries = folder.read_dir().expect("the sources can be listed");
    let paths = entries.map(|entry| entry.expect("the sources can be listed").path());
    paths
        .filter(|path| path.extension().is_some_and(|kind| kind == "c"))
        .collect()
}
