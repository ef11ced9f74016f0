//! The pages are held in the program, so it is built again when they were.

use std::path::Path;

fn main() {
    let pages = Path::new("../web-client/dist");
    // Cargo would run this for ever on a path that is not there; the pages are looked for in it either way.
    if std::fs::create_dir_all(pages).is_ok() {
        println!("cargo:rerun-if-changed={}", pages.display());
    }
}
