use std::{fs, os::unix::fs::symlink, time::Duration};

use super::*;

struct Place {
    dir: tempfile::TempDir,
    library: SkillLibrary,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let environment =
            Environment([("PATH", "/bin:/usr/bin"), ("KEY", "x")].map(|(k, v)| (k.into(), v.into())).into());
        let workspace = Workspace::open(dir.path()).unwrap();
        let library = SkillLibrary::new(workspace, environment, vec!["read_file".into()]);
        Self { dir, library }
    }

    fn write(&self, file: &str, bytes: impl AsRef<[u8]>) {
        let path = self.dir.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    async fn set(&self) -> SkillSet {
        self.library.skills().await
    }
}

#[tokio::test]
async fn a_skill_of_the_workspace_hides_the_bundled_one_and_counts_at_once() {
    let place = Place::new();
    let bundled = place.set().await;
    let names: Vec<&str> = bundled.skills.iter().map(|one| one.skill.name.as_str()).collect();
    assert_eq!(names, ["cron", "github", "skill-creator", "summarize", "tmux", "weather"]);
    let file = "skills/mine/SKILL.md";
    place.write(file, "---\nname: weather\ndescription: Mine.\n---\nLook out of the window.");
    place.write("skills/mine/scripts/look.sh", "");
    let mine = place.set().await.get("weather").unwrap().clone();
    assert_eq!((mine.origin, mine.file.as_str()), (SkillOrigin::Workspace, file));
    assert_eq!(mine.others, ["skills/mine/scripts/look.sh"]);
    place.write(file, "---\nname: weather\ndescription: Mine.\n---\nAsk the neighbour.");
    assert_eq!(&*place.set().await.get("weather").unwrap().skill.text, "Ask the neighbour.");
    fs::remove_file(place.dir.path().join(file)).unwrap();
    let set = place.set().await;
    assert_eq!(set.get("weather").unwrap().origin, SkillOrigin::Bundled);
    assert!(set.problems[0].to_string().starts_with(file), "{:?}", set.problems);
}

#[tokio::test]
async fn what_is_missing_is_said() {
    let place = Place::new();
    place.write(
        "skills/a/SKILL.md",
        "---\nname: a\ndescription: A.\nrequires: {bins: [sh, no-such-program], env: [KEY, NO_KEY], os: [plan9], \
         tools: [read_file, exec]}\n---\n",
    );
    let set = place.set().await;
    let here = std::env::consts::OS;
    assert_eq!(
        set.get("a").unwrap().missing,
        [
            format!("it is for plan9, and this is {here}"),
            "the program `no-such-program` is not installed".into(),
            "the variable `NO_KEY` is not set".into(),
            "the tool `exec` is off".into(),
        ]
    );
}

#[tokio::test]
async fn nothing_outside_is_read_and_no_name_is_taken_twice() {
    let place = Place::new();
    let outside = tempfile::tempdir().unwrap();
    let text = "---\nname: x\ndescription: X.\n---\nsecret";
    fs::write(outside.path().join("SKILL.md"), text).unwrap();
    fs::create_dir_all(place.dir.path().join("skills/file")).unwrap();
    symlink(outside.path(), place.dir.path().join("skills/link")).unwrap();
    symlink(outside.path().join("SKILL.md"), place.dir.path().join("skills/file/SKILL.md")).unwrap();
    place.write("skills/one/SKILL.md", text);
    place.write("skills/two/SKILL.md", text);
    let set = place.set().await;
    assert_eq!(set.get("x").unwrap().file, "skills/one/SKILL.md");
    let problems: Vec<String> = set.problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems.len(), 3, "{problems:?}");
    for (problem, folder) in problems.iter().zip(["file", "link"]) {
        assert!(problem.starts_with(&format!("skills/{folder}/SKILL.md: ")), "{problem}");
        assert!(problem.contains("leads out of the workspace"), "{problem}");
    }
    assert_eq!(problems[2], "skills/two/SKILL.md: skills/one/SKILL.md has the name `x` already");
}

/// The bytes that an entry of the corpus describes.
fn bytes_of(input: &serde_json::Value) -> Option<Vec<u8>> {
    if let Some(text) = input["text"].as_str() {
        return Some(text.as_bytes().to_vec());
    }
    if let Some(hex) = input["bytes_hex"].as_str() {
        return Some(hex::decode(hex).unwrap());
    }
    let part = |name: &str| input["gen"][name].as_str().unwrap_or_default().to_owned();
    let count = usize::try_from(input["gen"]["count"].as_u64()?).unwrap();
    Some(format!("{}{}{}", part("prefix"), part("unit").repeat(count), part("suffix")).into_bytes())
}

/// The corpus, which lies beside a checkout that is being worked on and not in the repository.
fn corpus() -> Option<serde_json::Value> {
    let found = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .find_map(|dir| fs::read_to_string(dir.join("shared/corpora/security/malformed_skill.json")).ok());
    Some(serde_json::from_str(&found?).unwrap())
}

#[tokio::test]
async fn the_corpus_of_malformed_skills_stops_no_other_skill() {
    let Some(corpus) = corpus() else {
        println!("skipped: there is no shared/corpora/security/malformed_skill.json above this crate");
        return;
    };
    let entries = corpus["entries"].as_array().unwrap();
    assert!(!entries.is_empty());
    for entry in entries {
        let id = entry["id"].as_str().unwrap();
        let place = Place::new();
        place.write("skills/good/SKILL.md", "---\nname: good\ndescription: G.\n---\n");
        let file = "skills/case/SKILL.md";
        match (bytes_of(&entry["input"]), entry["input"]["symlink"].as_str()) {
            (Some(bytes), _) => place.write(file, bytes),
            (None, Some(target)) => {
                fs::create_dir_all(place.dir.path().join("skills/case")).unwrap();
                symlink(target, place.dir.path().join(file)).unwrap();
            }
            (None, None) => panic!("{id}: an input of a new kind"),
        }
        let set = tokio::time::timeout(Duration::from_secs(2), place.set()).await.unwrap();
        assert!(set.get("good").is_some(), "{id}");
        let told: Vec<String> = set.problems.iter().map(ToString::to_string).collect();
        match entry["expect"]["verdict"].as_str().unwrap() {
            "skip" => assert!(told.len() == 1 && told[0].starts_with(file), "{id}: {told:?}"),
            "load" => assert!(told.is_empty(), "{id}: {told:?}"),
            _ => assert!(told.len() <= 1, "{id}: {told:?}"),
        }
    }
}
