//! The skills that come with the program.

/// File and text of each, by name.
pub(super) const BUNDLED: &[(&str, &str)] = &[
    ("skills/cron/SKILL.md", include_str!("../../../../skills/cron/SKILL.md")),
    ("skills/github/SKILL.md", include_str!("../../../../skills/github/SKILL.md")),
    ("skills/skill-creator/SKILL.md", include_str!("../../../../skills/skill-creator/SKILL.md")),
    ("skills/summarize/SKILL.md", include_str!("../../../../skills/summarize/SKILL.md")),
    ("skills/tmux/SKILL.md", include_str!("../../../../skills/tmux/SKILL.md")),
    ("skills/weather/SKILL.md", include_str!("../../../../skills/weather/SKILL.md")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bundled_skill_is_one_and_stands_under_its_name() {
        for (file, text) in BUNDLED {
            let skill = agent_core::parse_skill(file, text.as_bytes()).unwrap();
            assert_eq!(*file, format!("skills/{}/SKILL.md", skill.name));
            assert!(!skill.text.is_empty() && text.lines().count() < 150, "{file}");
        }
    }
}
