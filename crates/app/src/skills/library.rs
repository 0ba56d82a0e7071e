//! Skills as they are on the disk right now.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::Arc,
};

use agent_core::{
    InstalledSkill, MOST_SKILL_BYTES, Requires, Skill, SkillOrigin, SkillProblem, SkillSet, SkillSource,
    parse_skill,
};
use async_trait::async_trait;
use parking_lot::Mutex;
use tools::{FileStamp, Workspace};

use super::bundled::BUNDLED;
use crate::Environment;

/// The folder of the workspace.
const FOLDER: &str = "skills";
/// Most folders that are looked at.
const MOST_SKILLS: usize = 200;
/// Most other files of a skill that are named, and how deep they are looked for.
const MOST_OTHERS: usize = 50;
const DEPTH: usize = 3;

/// The skills of a workspace over the bundled ones. A file is read again when it has changed.
#[derive(Clone)]
pub(crate) struct SkillLibrary(Arc<Inner>);

struct Inner {
    workspace: Workspace,
    environment: Environment,
    /// The tools on offer.
    tools: Vec<String>,
    bundled: Vec<(&'static str, Arc<Skill>)>,
    read: Mutex<HashMap<String, Known>>,
    /// What the log has been told, so that it is told once.
    told: Mutex<BTreeSet<String>>,
}

/// What was read, and from which state of the file.
struct Known {
    stamp: FileStamp,
    skill: Result<Arc<Skill>, SkillProblem>,
}

impl SkillLibrary {
    /// `tools`: the names of all tools on offer.
    pub(crate) fn new(workspace: Workspace, environment: Environment, tools: Vec<String>) -> Self {
        let bundled = BUNDLED
            .iter()
            .filter_map(|(file, text)| Some((*file, Arc::new(parse_skill(file, text.as_bytes()).ok()?))))
            .collect();
        let (read, told) = (Mutex::default(), Mutex::default());
        Self(Arc::new(Inner { workspace, environment, tools, bundled, read, told }))
    }
}

#[async_trait]
impl SkillSource for SkillLibrary {
    async fn skills(&self) -> SkillSet {
        let inner = self.0.clone();
        let set = tokio::task::spawn_blocking(move || inner.look()).await.unwrap_or_else(|error| {
            tracing::error!(%error, "reading the skills crashed; this is a bug");
            SkillSet::default()
        });
        self.0.tell(&set.problems);
        set
    }
}

impl Inner {
    fn look(&self) -> SkillSet {
        let mut found: BTreeMap<String, InstalledSkill> = BTreeMap::new();
        let mut problems = Vec::new();
        let problem = |file: &str, what: String| SkillProblem { file: file.to_owned(), line: None, what };
        let folders = match self.workspace.entries(FOLDER, MOST_SKILLS * 2) {
            Ok((entries, _)) => entries.into_iter().filter(|entry| entry.is_dir).collect(),
            Err(error) => {
                problems.push(problem(FOLDER, error.to_string()));
                Vec::new()
            }
        };
        if folders.len() > MOST_SKILLS {
            let what =
                format!("it holds {} folders; only the first {MOST_SKILLS} by name are read", folders.len());
            problems.push(problem(FOLDER, what));
        }
        let files: Vec<String> = folders
            .iter()
            .take(MOST_SKILLS)
            .map(|folder| format!("{FOLDER}/{}/SKILL.md", folder.name))
            .collect();
        for file in &files {
            match self.read(file) {
                Err(problem) => problems.push(problem),
                Ok(skill) if found.contains_key(&skill.name) => {
                    let other = found.get(&skill.name).map_or("", |other| other.file.as_str());
                    problems.push(problem(file, format!("{other} has the name `{}` already", skill.name)));
                }
                Ok(skill) => {
                    let folder = file.trim_end_matches("/SKILL.md");
                    let mut others = Vec::new();
                    self.others(folder, DEPTH, &mut others);
                    others.retain(|other| other != file);
                    let installed = self.installed(skill, SkillOrigin::Workspace, file, others);
                    found.insert(installed.skill.name.clone(), installed);
                }
            }
        }
        self.read.lock().retain(|file, _| files.contains(file));
        for (file, skill) in &self.bundled {
            if !found.contains_key(&skill.name) {
                let installed = self.installed(skill.clone(), SkillOrigin::Bundled, file, Vec::new());
                found.insert(skill.name.clone(), installed);
            }
        }
        SkillSet { skills: found.into_values().collect(), problems }
    }

    fn read(&self, file: &str) -> Result<Arc<Skill>, SkillProblem> {
        let wrong = |what: String| SkillProblem { file: file.to_owned(), line: None, what };
        let stamp = self.workspace.stamp(file).map_err(|error| wrong(error.to_string()))?;
        if let (Some(stamp), Some(known)) = (stamp, self.read.lock().get(file))
            && known.stamp == stamp
        {
            return known.skill.clone();
        }
        let most = MOST_SKILL_BYTES as u64 + 1;
        let bytes = self.workspace.read(file, most).map_err(|error| wrong(error.to_string()))?;
        let skill = parse_skill(file, &bytes).map(Arc::new);
        if let Some(stamp) = stamp {
            self.read.lock().insert(file.to_owned(), Known { stamp, skill: skill.clone() });
        }
        skill
    }

    /// The files below a folder, so many and so deep as is shown.
    fn others(&self, folder: &str, depth: usize, others: &mut Vec<String>) {
        // A folder that went away meanwhile has no files.
        let Ok((entries, _)) = self.workspace.entries(folder, MOST_OTHERS) else { return };
        for entry in entries {
            let path = format!("{folder}/{}", entry.name);
            if others.len() >= MOST_OTHERS {
                return;
            }
            match entry.is_dir {
                true if depth > 0 => self.others(&path, depth - 1, others),
                true => {}
                false => others.push(path),
            }
        }
    }

    fn installed(
        &self,
        skill: Arc<Skill>,
        origin: SkillOrigin,
        file: &str,
        others: Vec<String>,
    ) -> InstalledSkill {
        let missing = self.missing(&skill.requires);
        InstalledSkill { skill, origin, file: file.to_owned(), others, missing }
    }

    fn missing(&self, requires: &Requires) -> Vec<String> {
        let Requires { bins, env, os, tools } = requires;
        let here = std::env::consts::OS;
        let mut missing = Vec::new();
        let fits = |os: &String| os.eq_ignore_ascii_case(here) || (here == "macos" && os == "darwin");
        if !os.is_empty() && !os.iter().any(fits) {
            missing.push(format!("it is for {}, and this is {here}", os.join(", ")));
        }
        let absent = bins.iter().filter(|bin| !self.is_runnable(bin));
        missing.extend(absent.map(|bin| format!("the program `{bin}` is not installed")));
        let unset = env.iter().filter(|name| self.environment.get(name).is_none());
        missing.extend(unset.map(|name| format!("the variable `{name}` is not set")));
        let off = tools.iter().filter(|tool| !self.tools.contains(tool));
        missing.extend(off.map(|tool| format!("the tool `{tool}` is off")));
        missing
    }

    fn is_runnable(&self, program: &str) -> bool {
        let path = self.environment.get("PATH").unwrap_or_default();
        path.split(':').filter(|dir| !dir.is_empty()).any(|dir| {
            let found = std::fs::metadata(Path::new(dir).join(program));
            found.is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
        })
    }

    /// Tells the log of problems that it has not been told of; one that was mended may come again.
    fn tell(&self, problems: &[SkillProblem]) {
        let now: BTreeSet<String> = problems.iter().map(ToString::to_string).collect();
        let mut told = self.told.lock();
        for problem in now.difference(&told) {
            tracing::warn!("a skill is left out: {problem}");
        }
        *told = now;
    }
}

#[cfg(test)]
mod tests;
