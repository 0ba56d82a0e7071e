use std::fmt::Write as _;

use proptest::prelude::*;
use tool_api::{Typed, contract};

use super::*;

fn parse(text: &str) -> Result<Skill, String> {
    parse_skill("skills/case/SKILL.md", text.as_bytes()).map_err(|problem| problem.to_string())
}

struct Fixed(SkillSet);

#[async_trait]
impl SkillSource for Fixed {
    async fn skills(&self) -> SkillSet {
        self.0.clone()
    }
}

fn installed(text: &str, missing: &[&str]) -> InstalledSkill {
    let skill = Arc::new(parse(text).unwrap());
    InstalledSkill {
        origin: SkillOrigin::Workspace,
        file: format!("skills/{}/SKILL.md", skill.name),
        others: vec![format!("skills/{}/run.sh", skill.name)],
        missing: missing.iter().map(|&text| text.to_owned()).collect(),
        skill,
    }
}

#[test]
fn a_skill_is_read_with_all_that_it_says() {
    let skill = parse(
        "\u{feff}---\r\nname: tea\r\ndescription: >\r\n  How to\r\n  make tea.\r\nalways: true\r\nlicense: MIT\r\nrequires:\r\n  bins: [kettle]\r\n  env: TEA_KEY\r\n  os: [linux, macos]\r\nallowed-tools: exec, read_file\r\n---\r\nBoil water.\r\n---\r\nPour.\r\n",
    )
    .unwrap();
    assert_eq!((skill.name.as_str(), skill.description.as_str()), ("tea", "How to make tea."));
    assert!(skill.always);
    let requires = Requires {
        bins: vec!["kettle".into()],
        env: vec!["TEA_KEY".into()],
        os: vec!["linux".into(), "macos".into()],
        tools: vec![],
    };
    assert_eq!(skill.requires, requires);
    assert_eq!(skill.allowed_tools, ["exec", "read_file"]);
    assert_eq!(&*skill.text, "Boil water.\r\n---\r\nPour.");
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    let long = "x".repeat(2000);
    let table: &[(&str, &str)] = &[
        ("", ":1: it must begin with a line of `---`"),
        ("---", ":1: its frontmatter does not end"),
        ("+++\nname = \"a\"\n+++\nx", ":1: its frontmatter is TOML"),
        ("---\nname: a\n---\nx", ":1: `description` is missing"),
        ("---\ndescription: a\nname: ''\n---\nx", ":3: `name` is missing"),
        ("---\nname: ..\ndescription: b\n---\nx", ":2: the name \"..\" does not do"),
        ("---\nname: a/b\ndescription: b\n---\nx", ":2: the name \"a/b\" does not do"),
        ("---\nname: Ä\ndescription: b\n---\nx", ":2: the name \"Ä\" does not do"),
        ("---\nname: a\ndescription: b\nalways: maybe\n---\nx", ":4:"),
        ("---\nname: a\ndescription: b\nrequires: {bin: x}\n---\nx", ":4: unknown field"),
        ("---\nname: a\ndescription: b\nrequires:\n  bins: [/bin/sh]\n---\nx", ":4: `requires.bins` names"),
        ("---\nname: a\nname: b\ndescription: c\n---\nx", ":3:"),
        ("---\nname: a\ndescription: b\0\n---\nx", ":3: it holds a NUL character"),
    ];
    for (text, expected) in table {
        let error = parse(text).unwrap_err();
        assert!(error.starts_with(&format!("skills/case/SKILL.md{expected}")), "{text:?}: {error}");
        assert!(error.len() < 400 && !error.contains('\n'), "{error}");
    }
    let error = parse(&format!("---\nname: a\ndescription: {long}\n---\n")).unwrap_err();
    assert!(error.contains(":3: `description` has 2000 characters"), "{error}");
    let error = parse_skill("f", &vec![b'x'; MOST_SKILL_BYTES + 1]).unwrap_err();
    assert!(error.to_string().contains("at most 65536"), "{error}");
    let error = parse_skill("f", b"---\nname: a\xff\n---\n").unwrap_err();
    assert_eq!(error.to_string(), "f:2: it is not UTF-8; save it as UTF-8");
}

#[test]
fn a_document_that_unfolds_into_a_gigabyte_is_refused() {
    let mut text = String::from("---\nname: a\ndescription: b\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for n in 1..12 {
        let last = n - 1;
        let _ = writeln!(
            text,
            "a{n}: &a{n} [*a{last}, *a{last}, *a{last}, *a{last}, *a{last}, *a{last}, *a{last}]"
        );
    }
    text.push_str("---\n");
    // Whether it is taken for a skill or refused, it is not unfolded: this would not end otherwise.
    drop(parse(&text));
}

#[test]
fn the_prompt_lists_all_and_holds_those_that_always_stand_there() {
    let set = SkillSet {
        skills: vec![
            installed("---\nname: a\ndescription: For a.\n---\nHow a is done.", &[]),
            installed("---\nname: b\ndescription: For b.\nalways: true\n---\nHow b is done.", &[]),
            installed("---\nname: c\ndescription: For c.\nalways: true\n---\nHow c is done.", &["no `c`"]),
        ],
        problems: Vec::new(),
    };
    let sections = skill_sections(&set);
    let names: Vec<&str> = sections.iter().map(|section| section.name.as_str()).collect();
    assert_eq!(names, ["Skills", "Skill: b"]);
    assert!(sections[0].text.ends_with("- a: For a.\n- b: For b.\n- c: For c. [not available: no `c`]\n"));
    assert_eq!(sections[1].text, "How b is done.");
    assert!(skill_sections(&SkillSet::default()).is_empty());
}

#[test]
fn a_thousand_skills_are_named_and_the_list_stays_small() {
    let skills = (0..1000)
        .map(|n| {
            let text = format!("---\nname: skill-{n}\ndescription: {}\n---\nx", "word ".repeat(100));
            installed(&text, &[])
        })
        .collect();
    let sections = skill_sections(&SkillSet { skills, problems: Vec::new() });
    assert!(sections[0].text.len() < 32 << 10, "{}", sections[0].text.len());
    assert!(sections[0].text.contains("skill-999"));
}

#[tokio::test]
async fn read_skill_gives_the_whole_text_and_knows_names_only() {
    let set = SkillSet {
        skills: vec![installed(
            "---\nname: tea\ndescription: Tea.\nallowed-tools: [exec]\n---\nBoil water.",
            &["the program `kettle` is not here"],
        )],
        problems: Vec::new(),
    };
    let tool: Arc<dyn tool_api::Tool> = Arc::new(Typed::new(ReadSkill { skills: Arc::new(Fixed(set)) }));
    contract::check(&tool, r#"{"name":"tea"}"#).await;
    let output = tool.call(&contract::context(), r#"{"name":"tea"}"#).await.unwrap();
    let text: String = output.content.iter().filter_map(session_api::Part::as_text).collect();
    assert_eq!(
        text,
        "# Skill: tea\n\nBoil water.\n\n[not available here: the program `kettle` is not here]\n\
         [it works with these tools, where they are on offer: exec]\n\
         [its other files, for read_file: skills/tea/run.sh]"
    );
    for name in ["coffee", "../tea", "tea/../../etc/passwd", ""] {
        let arguments = serde_json::json!({ "name": name }).to_string();
        let error = tool.call(&contract::context(), &arguments).await.unwrap_err();
        assert!(error.to_string().contains("there is no skill"), "{name}: {error}");
    }
}

proptest! {
    /// Whatever the bytes are, the answer is a skill or a problem that names the file.
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Err(problem) = parse_skill("f", &bytes) {
            prop_assert!(problem.to_string().starts_with('f'));
        }
    }

    /// The same for what looks more like a skill.
    #[test]
    fn no_frontmatter_makes_it_panic(front in "[a-z:\\[\\]{}&*!|>'\" \n-]{0,120}") {
        let text = format!("---\nname: a\n{front}\n---\nx");
        if let Ok(skill) = parse(&text) {
            prop_assert!(!skill.description.is_empty());
        }
    }
}
