//! Packs `docs/openapi.json` for release builds, which serve it as it is (see `src/document.rs`).

use std::{env, error::Error, fs, io::Write, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    // A debug build makes the document from the code, and is what writes the file: it must not wait for it.
    if env::var_os("CARGO_CFG_DEBUG_ASSERTIONS").is_some() {
        return Ok(());
    }
    let source = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../docs/openapi.json");
    println!("cargo::rerun-if-changed={}", source.display());
    let target = Path::new(&env::var("OUT_DIR")?).join("openapi.json.gz");
    let mut packer = flate2::write::GzEncoder::new(fs::File::create(target)?, flate2::Compression::best());
    packer.write_all(&fs::read(source)?)?;
    packer.finish()?;
    Ok(())
}
