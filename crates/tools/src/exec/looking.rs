//! What can be told of a command by reading it: whether it does nothing but look, and whether it speaks to the network.
//!
//! Both are guesses to the safe side of something that only a sandbox knows. A command that is not understood does more
//! than look.

/// Programs that do nothing but look, whatever their arguments.
const LOOKS: [&str; 25] = [
    "basename",
    "cat",
    "cmp",
    "cut",
    "df",
    "diff",
    "dirname",
    "du",
    "echo",
    "grep",
    "head",
    "id",
    "ls",
    "md5sum",
    "nl",
    "pwd",
    "readlink",
    "realpath",
    "sha256sum",
    "stat",
    "tac",
    "tail",
    "tr",
    "uname",
    "wc",
];
/// What starts or changes something in arguments of `find`.
const FIND_ACTS: [&str; 5] = ["-exec", "-ok", "-delete", "-fprint", "-fls"];
/// Programs that bring text from elsewhere.
const FETCHES: [&str; 36] = [
    "aria2c",
    "aws",
    "az",
    "curl",
    "elinks",
    "fetchmail",
    "ftp",
    "gcloud",
    "gh",
    "glab",
    "himalaya",
    "http",
    "https",
    "kubectl",
    "lftp",
    "links",
    "lynx",
    "mail",
    "mailx",
    "mbsync",
    "mutt",
    "nc",
    "ncat",
    "netcat",
    "offlineimap",
    "rsync",
    "scp",
    "sftp",
    "socat",
    "ssh",
    "telnet",
    "w3m",
    "wget",
    "xh",
    "youtube-dl",
    "yt-dlp",
];
/// Commands of git that do.
const GIT_FETCHES: [&str; 4] = ["clone", "fetch", "ls-remote", "pull"];

/// Whether every program of the command line is known to do nothing but look.
pub(super) fn only_looks(command: &str) -> bool {
    // Redirections, substitutions, groups, escapes: what they come to is not guessed at.
    if command.contains(['>', '<', '$', '`', '(', ')', '{', '}', '\\', '\n', '\r']) {
        return false;
    }
    let parts = command.replace("&&", ";").replace("||", ";").replace('|', ";");
    // Quotes are not understood: what stands in them is taken for commands, which is the safe side.
    !parts.contains('&') && parts.split(';').all(looks)
}

fn looks(part: &str) -> bool {
    let mut words = part.split_whitespace();
    let Some(program) = words.next() else { return false };
    match program {
        "find" => !words.any(|word| FIND_ACTS.iter().any(|act| unquoted(word).starts_with(act))),
        // `-o` names a file to write, and long options may name a program.
        "sort" => words
            .map(unquoted)
            .filter(|word| word.starts_with('-'))
            .all(|word| !word.contains("--") && !word.contains(['o', 'T'])),
        // What stands behind a format sets the clock.
        "date" => words.all(|word| unquoted(word).starts_with('+')),
        program => LOOKS.contains(&program),
    }
}

fn unquoted(word: &str) -> String {
    word.replace(['"', '\''], "")
}

/// Whether a program is named that brings text from elsewhere, or an address.
pub(super) fn uses_network(command: &str) -> bool {
    if command.contains("://") || command.contains("/dev/tcp/") || command.contains("/dev/udp/") {
        return true;
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    let words: Vec<&str> = command
        .split(|c: char| !plain(c))
        .filter(|word| !word.is_empty())
        .map(|word| word.rsplit('/').next().unwrap_or(word))
        .collect();
    words.iter().any(|word| FETCHES.contains(word))
        || (words.contains(&"git") && words.iter().any(|word| GIT_FETCHES.contains(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_known_to_look_looks() {
        for command in [
            "ls -la",
            "cat a.txt | head -5",
            "grep -rn word . | sort -n | wc -l",
            "find . -name '*.rs'",
            "pwd; date +%F && uname -a",
        ] {
            assert!(only_looks(command), "{command}");
        }
        for command in [
            "",
            "rm a",
            "ls; rm a",
            "ls && rm a",
            "ls || rm a",
            "ls | sh",
            "ls & rm a",
            "ls\nrm a",
            "echo a > b",
            "cat < a",
            "echo $(rm a)",
            "echo `rm a`",
            "A=b ls",
            "/tmp/ls",
            "\\rm a",
            "find . -delete",
            "find . '-exec' rm",
            "find . \"-ex\"ec rm",
            "sort a -o b",
            "sort --output=b a",
            "sort '--compress-program=x' a",
            "date -s now",
            "git status",
            "python3 -c 'x'",
            "xargs rm",
            "tee a",
            "curl example.org",
        ] {
            assert!(!only_looks(command), "{command}");
        }
    }

    #[test]
    fn what_speaks_to_the_network_is_known_by_its_name() {
        for command in [
            "curl -s example.org",
            "/usr/bin/wget x",
            "a=$(curl x)",
            "git clone git@host:x",
            "git -C a pull",
            "gh issue view 1",
            "ssh host cat a",
            "cat </dev/tcp/1.2.3.4/80",
            "python3 get.py https://example.org",
            "'curl' x",
        ] {
            assert!(uses_network(command), "{command}");
        }
        for command in ["ls", "git status", "cat curls.txt", "cargo build", "echo pull", "make fetch"] {
            assert!(!uses_network(command), "{command}");
        }
    }
}
