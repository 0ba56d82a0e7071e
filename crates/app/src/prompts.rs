//! The instruction files of the workspace.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    sync::Arc,
};

use agent_core::{Company, PromptRequest, PromptSection, PromptSource, Share, SkillSource, skill_sections};
use async_trait::async_trait;
use session_api::Rank;
use subagents::Profile;
use tools::{MEMORY_FILE, MemoryFolder, Workspace};

/// `AGENTS.md`, `SOUL.md`, `USER.md`, `memory/MEMORY.md`, `CONTEXT-<channel>.md`, the skills and the profiles, read anew for
/// each turn, so that an edit by hand counts from the next message on.
#[derive(Clone)]
pub(crate) struct WorkspacePrompts {
    pub(crate) workspace: PathBuf,
    pub(crate) skills: Arc<dyn SkillSource>,
    /// Where no agents may be started, profiles are of no use.
    pub(crate) profiles: Option<Profiles>,
}

/// The profiles of the workspace.
#[derive(Clone)]
pub(crate) struct Profiles {
    pub(crate) workspace: Workspace,
    /// The names of the tools that there are.
    pub(crate) tools: Vec<String>,
}

impl Profiles {
    /// A line for each profile that can be used; `None` where there are none.
    fn section(&self) -> Option<PromptSection> {
        let profiles = tools::profiles(&self.workspace, &self.tools);
        let lines: String = profiles
            .values()
            .flatten()
            .map(|Profile { name, description, .. }| format!("- {name}: {}\n", description.trim()))
            .collect();
        (!lines.is_empty()).then(|| PromptSection {
            share: Share::Profile,
            name: "Agent profiles".to_owned(),
            text: format!("Kinds of agents that can be started by their names:\n{lines}"),
            absent: None,
        })
    }
}

#[async_trait]
impl PromptSource for WorkspacePrompts {
    async fn sections(&self, request: PromptRequest<'_>) -> Vec<PromptSection> {
        let context = format!("CONTEXT-{}.md", request.session.channel);
        let mut files = vec![
            (Share::Instructions, "AGENTS.md"),
            (Share::Instructions, "SOUL.md"),
            (Share::Channel, context.as_str()),
        ];
        if request.principal.rank == Rank::Owner {
            files.push((Share::Person, "USER.md"));
        }
        // A memory is for one pair of eyes.
        let folder = MemoryFolder::path_for(request.principal).filter(|_| request.company == Company::NOBODY);
        let memory = folder.map(|folder| format!("{folder}/{MEMORY_FILE}"));
        files.extend(memory.as_deref().map(|memory| (Share::Memory, memory)));
        let section = |(share, name): (Share, &str)| {
            let read = read(&self.workspace.join(name), request.file_bytes as u64, share.keeps_its_end());
            let (text, absent) = match read {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
                Err(error) => {
                    tracing::warn!(file = name, %error, "an instruction file cannot be read");
                    (String::new(), Some(format!("it cannot be read: {error}")))
                }
            };
            Some(PromptSection { share, name: name.to_owned(), text, absent })
        };
        let mut sections: Vec<PromptSection> = files.into_iter().filter_map(section).collect();
        sections.extend(skill_sections(&self.skills.skills().await));
        sections.extend(self.profiles.as_ref().and_then(Profiles::section));
        sections
    }
}

/// A file's text, and what of it is not there. No more than `most` bytes are read, whatever becomes of the file meanwhile.
fn read(path: &Path, most: u64, keeps_its_end: bool) -> io::Result<(String, Option<String>)> {
    // A pipe would keep the turn waiting for whoever writes to it.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let over = length.saturating_sub(most);
    if over > 0 && !keeps_its_end {
        return Ok((String::new(), Some(format!("{length} bytes, the limit is {most}"))));
    }
    file.seek(SeekFrom::Start(over))?;
    let mut bytes = Vec::with_capacity(usize::try_from(length.min(most)).unwrap_or_default());
    // One byte more tells that it grew meanwhile.
    let read = file.take(most + 1).read_to_end(&mut bytes)?;
    if read as u64 > most && !keeps_its_end {
        return Ok((String::new(), Some(format!("it grew beyond {most} bytes while it was read"))));
    }
    // A cut may go through the middle of a character.
    let whole = if over > 0 { bytes.iter().take_while(|byte| **byte & 0xC0 == 0x80).count() } else { 0 };
    match std::str::from_utf8(&bytes[whole..]) {
        Ok(text) if over > 0 => {
            Ok((text.to_owned(), Some(format!("the first {over} of its {length} bytes are not read"))))
        }
        Ok(text) => Ok((text.to_owned(), None)),
        // Its last character was still being written, or was cut off by the limit.
        Err(error) if error.error_len().is_none() && keeps_its_end => {
            let text = String::from_utf8_lossy(&bytes[whole..][..error.valid_up_to()]).into_owned();
            Ok((text, (over > 0).then(|| format!("the first {over} of its {length} bytes are not read"))))
        }
        Err(error) => {
            let at = over + whole as u64 + error.valid_up_to() as u64;
            Ok((String::new(), Some(format!("it is not UTF-8 (byte {at})"))))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_is_read_within_its_bound_or_says_why_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.md");
        for (bytes, most, keeps_its_end, text, absent) in [
            ("all of it".as_bytes(), 100, false, "all of it", None),
            (b"0123456789", 4, false, "", Some("10 bytes, the limit is 4")),
            (b"0123456789", 4, true, "6789", Some("the first 6 of its 10 bytes are not read")),
            ("ab\u{fc}cd".as_bytes(), 3, true, "cd", Some("the first 3 of its 6 bytes are not read")),
            (b"ab\xffcd", 100, false, "", Some("it is not UTF-8 (byte 2)")),
            (b"ab\xffcd", 100, true, "", Some("it is not UTF-8 (byte 2)")),
            (b"ab\xc3", 100, true, "ab", None),
            (b"", 100, false, "", None),
        ] {
            fs::write(&path, bytes).unwrap();
            let (found, why) = read(&path, most, keeps_its_end).unwrap();
            assert_eq!((found.as_str(), why.as_deref()), (text, absent), "{bytes:?}");
        }
    }

    #[test]
    fn fifty_megabytes_of_memory_cost_their_last_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("MEMORY.md");
        File::create(&path).unwrap().set_len(50 << 20).unwrap();
        let (text, absent) = read(&path, 1_000, true).unwrap();
        assert_eq!(text.len(), 1_000);
        assert!(absent.unwrap().starts_with("the first 52427800 of its 52428800 bytes"));
    }

    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path(), 100, false).unwrap_err().to_string(), "it is no file");
        let missing = read(&folder.path().join("nothing"), 100, false).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }
}
