//! The files of a new workspace.

use std::{
    fs::OpenOptions,
    io::{self, Write as _},
    path::Path,
};

/// Name and text of each file that `onboard` writes where it is missing.
pub(crate) const TEMPLATES: &[(&str, &str)] = &[
    ("AGENTS.md", include_str!("../templates/AGENTS.md")),
    ("SOUL.md", include_str!("../templates/SOUL.md")),
    ("USER.md", include_str!("../templates/USER.md")),
    ("HEARTBEAT.md", include_str!("../templates/HEARTBEAT.md")),
    ("memory/MEMORY.md", include_str!("../templates/MEMORY.md")),
];

/// Makes the data directory where it is missing: for its owner alone, since conversations and keys are in it.
pub(crate) fn make_home(home: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(home)
}

/// Writes the templates that are missing; a file that is there is never touched. Returns the names of those written.
pub(crate) fn write_templates(workspace: &Path) -> io::Result<Vec<&'static str>> {
    let mut written = Vec::new();
    for (name, text) in TEMPLATES {
        let path = workspace.join(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(mut file) => {
                file.write_all(text.as_bytes())?;
                written.push(*name);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    std::fs::create_dir_all(workspace.join("skills"))?;
    Ok(written)
}
