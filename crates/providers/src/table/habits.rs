//! What small models cannot do, as data.
//!
//! It counts only at servers of one's own: vendors see to such things themselves.

use super::models::begins;

/// How the models of a family want to be spoken to, where that is not as most do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Habits {
    /// With what the names begin, without what stands before a slash; upper and lower case make no difference.
    pub prefix: &'static str,
    /// Whether their templates refuse a conversation in which user and assistant do not take turns.
    pub strict_alternation: bool,
    /// Whether their templates have no place for a system prompt.
    pub no_system: bool,
    /// Whether they were never taught to call tools, so that tools are offered and called in plain text.
    pub text_tools: bool,
}

const fn family(prefix: &'static str) -> Habits {
    Habits { prefix, strict_alternation: false, no_system: false, text_tools: false }
}

impl Habits {
    const fn by_turns(mut self) -> Self {
        self.strict_alternation = true;
        self
    }

    const fn without_system(mut self) -> Self {
        self.no_system = true;
        self
    }

    const fn text(mut self) -> Self {
        self.text_tools = true;
        self
    }
}

/// The families. Of several that fit a name the longest counts.
const FAMILIES: &[Habits] = &[
    family("gemma:").by_turns().without_system().text(),
    family("gemma-2b").by_turns().without_system().text(),
    family("gemma-7b").by_turns().without_system().text(),
    family("gemma2").by_turns().without_system().text(),
    family("gemma-2").by_turns().without_system().text(),
    family("gemma3").by_turns().text(),
    family("gemma-3").by_turns().text(),
    family("llama2").by_turns().text(),
    family("llama-2").by_turns().text(),
    family("codellama").by_turns().text(),
    family("tinyllama").text(),
    family("mistral-7b-instruct-v0.1").by_turns().without_system().text(),
    family("mistral-7b-instruct-v0.2").by_turns().without_system().text(),
    family("mistral-7b-instruct").by_turns(),
    family("mixtral-8x7b").by_turns().text(),
    family("phi").text(),
    family("phi3").text(),
    family("phi-3.5").text(),
    family("vicuna").text(),
    family("orca-mini").text(),
    family("stablelm").text(),
    family("falcon").text(),
    family("starcoder").text(),
    family("smollm").text(),
    family("zephyr").text(),
];

/// The habits of the family that the model `name` belongs to, if they are known to be other than usual.
#[must_use]
pub fn habits(name: &str) -> Option<&'static Habits> {
    // `google/gemma-2-9b-it` and `/models/gemma-2-9b-it.gguf` are the same model.
    let name = name.rsplit('/').next().unwrap_or(name);
    let fits = |family: &&Habits| {
        let next = name.as_bytes().get(family.prefix.len());
        let whole = family.prefix.ends_with(':') || next.is_none_or(|next| !next.is_ascii_alphanumeric());
        begins(name, family.prefix) && whole
    };
    FAMILIES.iter().filter(fits).max_by_key(|family| family.prefix.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_known_by_the_beginning_of_its_names() {
        for (name, expected) in [
            ("gemma:7b", Some("gemma:")),
            ("google/gemma-2-9b-it", Some("gemma-2")),
            ("Gemma2", Some("gemma2")),
            ("gemma3:4b-it-qat", Some("gemma3")),
            ("/models/gemma-3-4b-it.gguf", Some("gemma-3")),
            ("gemma-4-12b", None),
            ("gemma", None),
            ("mistral-7b-instruct-v0.2.Q4_K_M.gguf", Some("mistral-7b-instruct-v0.2")),
            ("Mistral-7B-Instruct-v0.3", Some("mistral-7b-instruct")),
            ("phi-3.5-mini-instruct", Some("phi-3.5")),
            ("philosopher", None),
            ("qwen3:8b", None),
            ("", None),
        ] {
            assert_eq!(habits(name).map(|family| family.prefix), expected, "{name}");
        }
    }

    #[test]
    fn no_family_stands_twice_and_each_says_something() {
        for (index, family) in FAMILIES.iter().enumerate() {
            assert!(FAMILIES[..index].iter().all(|other| other.prefix != family.prefix), "{family:?}");
            assert!(family.strict_alternation || family.no_system || family.text_tools, "{family:?}");
        }
    }
}
