//! What commands see of this program's environment.

use std::collections::BTreeMap;

use crate::Workspace;

/// The directory for temporary files, in the workspace.
pub(super) const TMP: &str = ".tmp";

/// Where programs are when this program was told nothing.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The environment of commands: a few plain variables, those named in `allow`, nothing else.
pub(super) fn for_commands(workspace: &Workspace, allow: &[String]) -> BTreeMap<String, String> {
    let mut environment = BTreeMap::new();
    environment.insert("PATH".to_owned(), PATH.to_owned());
    environment.insert("LANG".to_owned(), "C.UTF-8".to_owned());
    for name in ["PATH", "LANG", "TZ"].into_iter().chain(allow.iter().map(String::as_str)) {
        #[expect(
            clippy::disallowed_methods,
            reason = "commands get a part of this program's own environment, by name; nothing of it is configuration"
        )]
        if let Ok(value) = std::env::var(name) {
            environment.insert(name.to_owned(), value);
        }
    }
    let home = workspace.path().to_string_lossy().into_owned();
    environment.insert("TMPDIR".to_owned(), format!("{}/{TMP}", home.trim_end_matches('/')));
    environment.insert("HOME".to_owned(), home);
    environment.insert("TERM".to_owned(), "dumb".to_owned());
    environment
}

/// Whether `name` can be the name of a variable.
pub(crate) fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Place;

    #[test]
    fn only_named_variables_are_passed_on() {
        let place = Place::new();
        let names = |allow: &[String]| -> Vec<String> {
            for_commands(&place.workspace(), allow).into_keys().filter(|name| name != "TZ").collect()
        };
        assert_eq!(names(&[]), ["HOME", "LANG", "PATH", "TERM", "TMPDIR"]);
        // Cargo sets this one for every test.
        assert!(names(&["CARGO_MANIFEST_DIR".to_owned()]).contains(&"CARGO_MANIFEST_DIR".to_owned()));
        assert!(!names(&["NO_SUCH_VARIABLE_HERE".to_owned()]).contains(&"NO_SUCH_VARIABLE_HERE".to_owned()));
    }

    #[test]
    fn names_are_told_from_what_is_none() {
        assert!(is_name("SSH_AUTH_SOCK") && is_name("_x1"));
        assert!(!is_name("") && !is_name("1X") && !is_name("A=B") && !is_name("A B"));
    }
}
