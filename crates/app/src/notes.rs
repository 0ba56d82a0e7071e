//! The files of notes in the workspace.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use agent_core::{NoteFile, NoteFiles};
use async_trait::async_trait;
use session_api::{Principal, PrincipalId, Timestamp};

/// A longer file is no note; its beginning is read.
const MOST_BYTES: u64 = 2 << 20;
/// Most files that are looked at.
const MOST_FILES: usize = 5_000;
/// Folders within a folder of notes.
const DEPTH: usize = 3;

/// `USER.md` and what lies in `memory/`, which are the owner's, and in `people/<id>/`, which is that person's.
#[derive(Debug, Clone)]
pub(crate) struct WorkspaceNotes {
    pub(crate) workspace: PathBuf,
}

#[async_trait]
impl NoteFiles for WorkspaceNotes {
    async fn list(&self) -> Vec<NoteFile> {
        let workspace = self.workspace.clone();
        // A thread that was cut off found nothing, as for files that cannot be read.
        tokio::task::spawn_blocking(move || list(&workspace)).await.unwrap_or_default()
    }

    async fn read(&self, path: &str) -> Option<String> {
        let file = self.workspace.join(path);
        let bytes = tokio::task::spawn_blocking(move || {
            let mut bytes = Vec::new();
            fs::File::open(file)?.take(MOST_BYTES).read_to_end(&mut bytes)?;
            Ok::<_, io::Error>(bytes)
        });
        match bytes.await.ok()? {
            Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) => {
                tracing::warn!(file = path, %error, "a file of notes cannot be read");
                None
            }
        }
    }
}

fn list(workspace: &Path) -> Vec<NoteFile> {
    let owner = Principal::owner().id;
    let mut files = Vec::new();
    look_at(workspace, "USER.md".to_owned(), &owner, 0, &mut files);
    walk(workspace, "memory", &owner, DEPTH, &mut files);
    for name in names(&workspace.join("people")) {
        if let Some(person) = PrincipalId::of_folder(&name) {
            walk(workspace, &format!("people/{name}"), &person, DEPTH, &mut files);
        }
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    files
}

/// The names in a folder; of one that is not there, none. Links are not followed: what they name may be anybody's.
fn names(folder: &Path) -> Vec<String> {
    let is_folder = fs::symlink_metadata(folder).is_ok_and(|known| known.is_dir());
    let Some(entries) = is_folder.then(|| fs::read_dir(folder).ok()).flatten() else { return Vec::new() };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter(|name| !name.starts_with('.')).collect()
}

fn walk(workspace: &Path, folder: &str, person: &PrincipalId, depth: usize, files: &mut Vec<NoteFile>) {
    for name in names(&workspace.join(folder)) {
        look_at(workspace, format!("{folder}/{name}"), person, depth, files);
    }
}

fn look_at(workspace: &Path, path: String, person: &PrincipalId, depth: usize, files: &mut Vec<NoteFile>) {
    let Ok(known) = fs::symlink_metadata(workspace.join(&path)) else { return };
    if known.is_dir() && depth > 0 {
        return walk(workspace, &path, person, depth - 1, files);
    }
    if !known.is_file() || !path.ends_with(".md") || files.len() >= MOST_FILES {
        return;
    }
    let changed = known.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    files.push(NoteFile {
        stamp: format!("{}:{}", known.len(), changed.as_nanos()),
        at: Timestamp(i64::try_from(changed.as_millis()).unwrap_or(i64::MAX)),
        person: person.clone(),
        path,
    });
}

/// Adds a line at the end of a file, which is made where it is missing. At every moment the file is the old or the new.
pub(crate) fn append(workspace: &Path, path: &str, line: &str) -> io::Result<()> {
    let target = workspace.join(path);
    let mut text = match fs::read(&target) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    if text.last().is_some_and(|last| *last != b'\n') {
        text.push(b'\n');
    }
    text.extend_from_slice(line.as_bytes());
    text.push(b'\n');
    replace(&target, &text)
}

/// Takes the section that begins with this line, as it was shown, out of a file. `false` where it reads otherwise now.
pub(crate) fn take_out(workspace: &Path, path: &str, line: u32, section: &str) -> io::Result<bool> {
    let target = workspace.join(path);
    let text = fs::read_to_string(&target)?;
    let skipped = usize::try_from(line).unwrap_or(usize::MAX).saturating_sub(1);
    let at: usize = text.split_inclusive('\n').take(skipped).map(str::len).sum();
    let Some(rest) = text[at..].strip_prefix(section) else { return Ok(false) };
    let kept = format!("{}{}", &text[..at], rest.strip_prefix('\n').unwrap_or(rest));
    replace(&target, kept.as_bytes()).map(|()| true)
}

fn replace(target: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = target.parent().ok_or(io::ErrorKind::InvalidInput)?;
    fs::create_dir_all(folder)?;
    let draft = folder.join(format!(".factotum-tmp-note-{}", std::process::id()));
    let written = (|| {
        let mut file = fs::File::create(&draft)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&draft, target)?;
        fs::File::open(folder)?.sync_all()
    })();
    if written.is_err() {
        // It may never have been made.
        let _ = fs::remove_file(&draft);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_belong_to_whose_folder_they_lie_in() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        for path in [
            "USER.md",
            "AGENTS.md",
            "memory/MEMORY.md",
            "memory/2026/11.md",
            "memory/data.txt",
            "memory/.hidden.md",
            "people/telegram%3a42/notes.md",
            "people/no one/notes.md",
        ] {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), "text").unwrap();
        }
        std::os::unix::fs::symlink(root.join("memory"), root.join("people/telegram%3a7")).unwrap();
        std::os::unix::fs::symlink(root.join("AGENTS.md"), root.join("memory/link.md")).unwrap();
        let found: Vec<(String, String)> =
            list(root).into_iter().map(|file| (file.path, file.person.0)).collect();
        let expected = [
            ("USER.md", "owner"),
            ("memory/2026/11.md", "owner"),
            ("memory/MEMORY.md", "owner"),
            ("people/telegram%3a42/notes.md", "telegram:42"),
        ];
        assert_eq!(found, expected.map(|(path, person)| (path.to_owned(), person.to_owned())));
    }

    #[test]
    fn a_note_is_added_and_taken_out_without_touching_the_rest() {
        let dir = tempfile::tempdir().unwrap();
        append(dir.path(), "memory/day.md", "- one").unwrap();
        append(dir.path(), "memory/day.md", "- two").unwrap();
        let read = || fs::read_to_string(dir.path().join("memory/day.md")).unwrap();
        assert_eq!(read(), "- one\n- two\n");
        assert!(!take_out(dir.path(), "memory/day.md", 2, "- three").unwrap());
        assert!(take_out(dir.path(), "memory/day.md", 1, "- one").unwrap());
        assert_eq!(read(), "- two\n");
        assert!(take_out(dir.path(), "memory/other.md", 1, "x").is_err());
    }
}
