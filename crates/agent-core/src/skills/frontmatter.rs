//! From the bytes of a `SKILL.md` to a skill.

use serde::Deserialize;

use super::{Requires, Skill, SkillProblem};

/// The largest `SKILL.md`, in bytes.
pub const MOST_SKILL_BYTES: usize = 64 << 10;
/// Most characters of a name, as elsewhere where skills are written.
const MOST_NAME: usize = 64;
/// Most characters of a description: it stands in every prompt.
const MOST_DESCRIPTION: usize = 1024;
/// Most entries of a list of requirements.
const MOST_LISTED: usize = 50;
/// Most characters of what the parser says: it may quote the file.
const MOST_SAID: usize = 200;

/// The keys that count. Others belong to other programs that read such files, and are left alone.
#[derive(Debug, Deserialize)]
struct Front {
    name: Option<String>,
    description: Option<String>,
    #[serde(default)]
    always: bool,
    #[serde(default)]
    requires: FrontRequires,
    #[serde(default, rename = "allowed-tools", alias = "allowed_tools")]
    allowed_tools: Names,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct FrontRequires {
    bins: Names,
    env: Names,
    os: Names,
    tools: Names,
}

/// `[a, b]`, or `a, b` as many write it.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Names {
    List(Vec<String>),
    Text(String),
    Nothing(()),
}

impl Default for Names {
    fn default() -> Self {
        Self::Nothing(())
    }
}

impl Names {
    fn into_vec(self) -> Vec<String> {
        let names = match self {
            Self::List(names) => names,
            Self::Text(text) => text.split(',').map(str::to_owned).collect(),
            Self::Nothing(()) => Vec::new(),
        };
        names.iter().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
    }
}

/// Reads a skill. `file` is its path, for what is wrong with it.
///
/// # Errors
/// The first thing that is wrong, with its line where that is known.
pub fn parse_skill(file: &str, bytes: &[u8]) -> Result<Skill, SkillProblem> {
    let wrong = |line: Option<u64>, what: String| SkillProblem { file: file.to_owned(), line, what };
    if bytes.len() > MOST_SKILL_BYTES {
        let what = format!("it has {} bytes; a skill has at most {MOST_SKILL_BYTES}", bytes.len());
        return Err(wrong(None, what));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
        let what = match bytes {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "it is UTF-16; save it as UTF-8",
            _ => "it is not UTF-8; save it as UTF-8",
        };
        wrong(Some(line), what.to_owned())
    })?;
    if let Some(at) = text.find('\0') {
        return Err(wrong(
            Some(line_of(text, at)),
            "it holds a NUL character; is it a text file?".to_owned(),
        ));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (front, body) = split(text).map_err(|(line, what)| wrong(Some(line), what.to_owned()))?;
    let front: Front = serde_saphyr::from_str(front).map_err(|error| {
        // The parser counts from the line behind the first marker.
        let line = error.location().map(|place| place.line() + 1);
        let text = error.without_snippet().to_string();
        // Its own count is that of the frontmatter alone.
        let told = text.rfind(" at line ").map_or(text.as_str(), |end| &text[..end]);
        wrong(line, said(told))
    })?;
    let place = |key: &str| Some(key_line(text, key));
    let name = match front.name.as_deref().map(str::trim) {
        None | Some("") => {
            return Err(wrong(
                place("name"),
                "`name` is missing: write `name: …` between the marks".to_owned(),
            ));
        }
        Some(name) => name.to_owned(),
    };
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    if name.chars().count() > MOST_NAME || !name.chars().all(plain) {
        let what = format!(
            "the name {:?} does not do: up to {MOST_NAME} lower-case letters, digits, `-` and `_`",
            said(&name)
        );
        return Err(wrong(place("name"), what));
    }
    let description = front.description.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    match description.chars().count() {
        0 => {
            let what = "`description` is missing: say in a sentence when the skill is to be used";
            return Err(wrong(place("description"), what.to_owned()));
        }
        long if long > MOST_DESCRIPTION => {
            let what =
                format!("`description` has {long} characters; at most {MOST_DESCRIPTION} stand in a prompt");
            return Err(wrong(place("description"), what));
        }
        _ => {}
    }
    let FrontRequires { bins, env, os, tools } = front.requires;
    let requires =
        Requires { bins: bins.into_vec(), env: env.into_vec(), os: os.into_vec(), tools: tools.into_vec() };
    let allowed_tools = front.allowed_tools.into_vec();
    let lists = [
        ("requires.bins", &requires.bins),
        ("requires.env", &requires.env),
        ("requires.os", &requires.os),
        ("requires.tools", &requires.tools),
        ("allowed-tools", &allowed_tools),
    ];
    for (key, list) in lists {
        if list.len() > MOST_LISTED {
            let what = format!("`{key}` lists {} names; at most {MOST_LISTED}", list.len());
            return Err(wrong(place(key.split('.').next().unwrap_or(key)), what));
        }
    }
    // A path would make a program of whatever lies there.
    if let Some(bin) = requires.bins.iter().find(|bin| bin.contains('/') || bin.contains('\0')) {
        let what = format!("`requires.bins` names {:?}: write the program's name, not a path", said(bin));
        return Err(wrong(place("requires"), what));
    }
    let text = body.trim().into();
    Ok(Skill { name, description, always: front.always, requires, allowed_tools, text })
}

/// What stands between the marks, and what follows them.
fn split(text: &str) -> Result<(&str, &str), (u64, &'static str)> {
    let mut lines = text.split_inclusive('\n');
    let first = lines.next().unwrap_or_default();
    match first.trim_end() {
        "---" => {}
        "+++" => return Err((1, "its frontmatter is TOML; write it as YAML between two lines of `---`")),
        _ => {
            return Err((
                1,
                "it must begin with a line of `---`, then `name:` and `description:`, then `---`",
            ));
        }
    }
    let mut end = first.len();
    for line in lines {
        if line.trim_end() == "---" {
            return Ok((&text[first.len()..end], &text[end + line.len()..]));
        }
        end += line.len();
    }
    Err((1, "its frontmatter does not end: a second line of `---` is missing"))
}

/// The line, from 1, on which the byte `at` stands.
fn line_of(text: &str, at: usize) -> u64 {
    text[..at].matches('\n').count() as u64 + 1
}

/// The line of a key of the frontmatter; the first where there is none.
fn key_line(text: &str, key: &str) -> u64 {
    let lines = text.lines().skip(1).take_while(|line| line.trim_end() != "---");
    let found = lines
        .enumerate()
        .find(|(_, line)| line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(':')));
    found.map_or(1, |(at, _)| at as u64 + 2)
}

/// The beginning of `text`, on one line and without control characters.
fn said(text: &str) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let plain: String = flat.chars().filter(|c| !c.is_control()).take(MOST_SAID).collect();
    if plain.len() < flat.len() { format!("{plain}…") } else { plain }
}
