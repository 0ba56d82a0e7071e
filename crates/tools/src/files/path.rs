//! Paths as the model writes them.

use tool_api::ToolError;

/// Longest name of one component in bytes, as Linux has it.
const MAX_COMPONENT: usize = 255;
/// Longest path in bytes, its end mark not counted.
const MAX_PATH: usize = 4095;
/// Most components. It bounds the directories that one write can create.
const MAX_DEPTH: usize = 256;

/// A path below the workspace in its plainest form: no leading slash, no `.`, no `..`, no empty component. The
/// workspace itself is `.`.
///
/// Only the text has been looked at. Symbolic links are the business of the open.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RelativePath {
    /// The components joined by `/`, or `.`.
    text: String,
}

impl RelativePath {
    /// The workspace itself.
    #[must_use]
    pub fn root() -> Self {
        Self { text: ".".to_owned() }
    }

    /// Reads `text` letter by letter: `~`, `$VAR`, `%2e` and backslashes stand for themselves. An absolute path must
    /// begin with one of `prefixes`, which is then taken off.
    ///
    /// # Errors
    /// `path_outside` when the path leads out of the workspace, `path_invalid` when no file can have such a name.
    pub fn parse(text: &str, prefixes: &[String]) -> Result<Self, ToolError> {
        if text.is_empty() {
            return Err(invalid("the path is empty"));
        }
        if text.contains('\0') {
            return Err(invalid("the path contains a NUL character"));
        }
        let below = if text.starts_with('/') {
            prefixes.iter().find_map(|prefix| strip(text, prefix)).ok_or_else(|| {
                outside("only files of the workspace can be used; give a path relative to it")
            })?
        } else {
            text
        };
        let mut components: Vec<&str> = Vec::new();
        for component in below.split('/') {
            match component {
                "" | "." => {}
                ".." => {
                    if components.pop().is_none() {
                        return Err(outside("the path leads above the workspace"));
                    }
                }
                name => components.push(name),
            }
        }
        if components.iter().any(|name| name.len() > MAX_COMPONENT) {
            return Err(invalid(&format!("a file name has at most {MAX_COMPONENT} bytes")));
        }
        if components.len() > MAX_DEPTH {
            return Err(invalid(&format!("a path has at most {MAX_DEPTH} components")));
        }
        if components.is_empty() {
            return Ok(Self::root());
        }
        let text = components.join("/");
        if text.len() > MAX_PATH {
            return Err(invalid(&format!("a path has at most {MAX_PATH} bytes")));
        }
        Ok(Self { text })
    }

    /// The path as text, for the kernel and for people.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is the workspace itself.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.text == "."
    }

    /// The directory that holds it, and its name there. `None` for the workspace itself.
    #[must_use]
    pub fn split(&self) -> Option<(Self, &str)> {
        if self.is_root() {
            return None;
        }
        match self.text.rsplit_once('/') {
            Some((parent, name)) => Some((Self { text: parent.to_owned() }, name)),
            None => Some((Self::root(), &self.text)),
        }
    }

    /// Every directory on the way to it, itself included, outermost first. Empty for the workspace itself.
    pub fn steps(&self) -> impl Iterator<Item = Self> + '_ {
        let text = if self.is_root() { "" } else { self.text.as_str() };
        let ends = text.match_indices('/').map(|(at, _)| at).chain((!text.is_empty()).then_some(text.len()));
        ends.map(move |end| Self { text: text[..end].to_owned() })
    }
}

/// What stands behind `prefix` in `text`, when `prefix` ends at a component's end.
fn strip<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let rest = text.strip_prefix(prefix.trim_end_matches('/'))?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

/// A path that leads out of the workspace.
pub(super) fn outside(reason: &str) -> ToolError {
    ToolError::Refused { class: "path_outside", reason: reason.to_owned() }
}

/// A path that names nothing this tool can use.
pub(super) fn invalid(reason: &str) -> ToolError {
    ToolError::Refused { class: "path_invalid", reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<String, &'static str> {
        RelativePath::parse(text, &["/home/me/ws".to_owned()])
            .map(|path| path.as_str().to_owned())
            .map_err(|error| error.class())
    }

    #[test]
    fn paths_are_read_letter_by_letter() {
        let table: &[(&str, Result<&str, &str>)] = &[
            ("a", Ok("a")),
            (".", Ok(".")),
            ("a/", Ok("a")),
            ("./a//b/.", Ok("a/b")),
            ("a/../b", Ok("b")),
            ("a/..", Ok(".")),
            ("~/x", Ok("~/x")),
            ("$HOME/x", Ok("$HOME/x")),
            ("%2e%2e/x", Ok("%2e%2e/x")),
            ("..\\x", Ok("..\\x")),
            ("...", Ok("...")),
            ("\u{ff0e}\u{ff0e}/x", Ok("\u{ff0e}\u{ff0e}/x")),
            ("file:///etc/passwd", Ok("file:/etc/passwd")),
            ("/home/me/ws", Ok(".")),
            ("/home/me/ws/", Ok(".")),
            ("/home/me/ws/a", Ok("a")),
            ("/home/me/ws//etc", Ok("etc")),
            ("/home/me/ws/../outside", Err("path_outside")),
            ("/home/me/ws-evil/a", Err("path_outside")),
            ("/home/me", Err("path_outside")),
            ("//home/me/ws/a", Err("path_outside")),
            ("/", Err("path_outside")),
            ("..", Err("path_outside")),
            ("a/../../b", Err("path_outside")),
            ("../ws/a", Err("path_outside")),
            ("", Err("path_invalid")),
            ("a\0b", Err("path_invalid")),
        ];
        for (text, expected) in table {
            assert_eq!(parse(text).as_deref().map_err(|class| *class), *expected, "{text:?}");
        }
        assert_eq!(parse(&"n".repeat(256)), Err("path_invalid"));
        assert_eq!(parse(&"n".repeat(255)), Ok("n".repeat(255)));
        assert_eq!(parse(&"n/".repeat(300)), Err("path_invalid"));
        assert_eq!(
            parse(&format!(
                "{0}/{0}/{0}/{0}/{0}/{0}/{0}/{0}/{0}/{0}/{0}/{0}/{0}/{0}/{0}/{0}/{0}",
                "n".repeat(250)
            )),
            Err("path_invalid")
        );
        assert_eq!(parse(&"../".repeat(5000)), Err("path_outside"));
    }

    #[test]
    fn steps_go_from_the_outermost_directory_inwards() {
        let path = RelativePath::parse("a/b/c", &[]).unwrap();
        let steps: Vec<_> = path.steps().map(|step| step.text).collect();
        assert_eq!(steps, ["a", "a/b", "a/b/c"]);
        assert_eq!(RelativePath::root().steps().count(), 0);
        assert_eq!(path.split().map(|(parent, name)| (parent.text, name)), Some(("a/b".into(), "c")));
    }

    proptest! {
        #[test]
        fn what_is_accepted_has_only_plain_components(
            parts in proptest::collection::vec("\\.|\\.\\.|[a-z~$%\\\\ü]{0,3}|/", 0..12),
            absolute in any::<bool>(),
        ) {
            let text = format!("{}{}", if absolute { "/home/me/ws/" } else { "" }, parts.join("/"));
            if let Ok(path) = RelativePath::parse(&text, &["/home/me/ws".to_owned()]) {
                prop_assert!(!path.as_str().starts_with('/'));
                if !path.is_root() {
                    for name in path.as_str().split('/') {
                        prop_assert!(!matches!(name, "" | "." | ".."), "{} from {}", path.as_str(), text);
                    }
                }
                prop_assert_eq!(RelativePath::parse(path.as_str(), &[]), Ok(path));
            }
        }
    }
}
