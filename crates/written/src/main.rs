//! `make docs`: writes the files anew.

use anyhow::Context;

fn main() -> anyhow::Result<()> {
    for written::File { path, text } in written::files() {
        let path = written::tree().join(path);
        let folder = path.parent().context("a file is in a folder")?;
        std::fs::create_dir_all(folder)?;
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
