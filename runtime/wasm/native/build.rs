//! Sets ISLET_SOURCE_HASH, which `sourceHash()` gives. ../source-hash.ts computes the same:
//!   files   Cargo.toml, Cargo.lock, build.rs, and every file under src/ and wit/ whose name ends in .rs, .wit or .md
//!   path    relative to the crate, with "/"
//!   order   by path, compared as UTF-8 bytes
//!   hash    SHA-256 over, for each file: path, "\n", length of the content in bytes (decimal), "\n", content;
//!           in the content "\r\n" is "\n" beforehand. Lower-case hex.

use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

fn main() {
    napi_build::setup();
    let mut files = vec!["Cargo.toml".to_string(), "Cargo.lock".to_string(), "build.rs".to_string()];
    collect(Path::new("src"), &mut files);
    collect(Path::new("wit"), &mut files);
    files.sort();
    let mut hash = Sha256::new();
    for file in &files {
        let content = fs::read_to_string(file).unwrap_or_default().replace("\r\n", "\n");
        hash.update(format!("{file}\n{}\n", content.len()));
        hash.update(content);
        println!("cargo:rerun-if-changed={file}");
    }
    println!("cargo:rerun-if-changed=src");
    println!("cargo:rerun-if-changed=wit");
    let hex: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    println!("cargo:rustc-env=ISLET_SOURCE_HASH={hex}");
}

fn collect(folder: &Path, files: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
            continue;
        }
        let name = path.to_string_lossy().replace('\\', "/");
        if [".rs", ".wit", ".md"].iter().any(|end| name.ends_with(end)) {
            files.push(name);
        }
    }
}
