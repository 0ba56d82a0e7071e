//! The name under which a recording is sent. Servers judge its format by the extension alone.

/// Media types and the extension that servers know them by.
const KNOWN: &[(&str, &str)] = &[
    ("audio/ogg", "ogg"),
    ("audio/opus", "ogg"),
    ("audio/vorbis", "ogg"),
    ("audio/x-opus+ogg", "ogg"),
    ("application/ogg", "ogg"),
    ("audio/mpeg", "mp3"),
    ("audio/mp3", "mp3"),
    ("audio/x-mp3", "mp3"),
    ("audio/mpga", "mp3"),
    ("audio/mp4", "m4a"),
    ("audio/m4a", "m4a"),
    ("audio/x-m4a", "m4a"),
    ("audio/aac", "m4a"),
    ("video/mp4", "mp4"),
    ("audio/wav", "wav"),
    ("audio/x-wav", "wav"),
    ("audio/wave", "wav"),
    ("audio/vnd.wave", "wav"),
    ("audio/webm", "webm"),
    ("video/webm", "webm"),
    ("audio/flac", "flac"),
    ("audio/x-flac", "flac"),
];

/// Extensions that are kept where the media type says nothing.
const KEPT: &[&str] = &["ogg", "oga", "opus", "mp3", "mpga", "mpeg", "m4a", "mp4", "wav", "webm", "flac"];

/// The media type without its parameters, and the name to send: always `recording`, with the extension that fits the
/// type. Nothing of the original name but a known extension is sent.
pub(super) fn sent_as(mime: &str, name: &str) -> (String, String) {
    let mime = mime.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let kept = || {
        let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase())?;
        KEPT.contains(&extension.as_str()).then_some(extension)
    };
    let known = KNOWN.iter().find(|(known, _)| *known == mime).map(|(_, extension)| (*extension).to_owned());
    // Most voice notes are Ogg; a server that finds something else inside says so.
    let extension = known.or_else(kept).unwrap_or_else(|| "ogg".to_owned());
    // A `.opus` file is an Ogg file, and servers know only the second name.
    let extension = if extension == "opus" { "ogg".to_owned() } else { extension };
    let usable = mime.split_once('/').is_some_and(|(kind, sub)| {
        let token = |text: &str| {
            !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-._".contains(&b))
        };
        token(kind) && token(sub)
    });
    let mime = if usable { mime } else { "application/octet-stream".to_owned() };
    (mime, format!("recording.{extension}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_extension_fits_the_media_type() {
        for (mime, name, sent) in [
            ("audio/ogg; codecs=opus", "voice.oga", "recording.ogg"),
            ("audio/ogg", "voice.mp3", "recording.ogg"),
            ("AUDIO/MPEG", "x", "recording.mp3"),
            ("audio/mp4", "a.mp4", "recording.m4a"),
            ("audio/x-m4a", "a", "recording.m4a"),
            ("audio/wav", "", "recording.wav"),
            ("audio/webm", "a", "recording.webm"),
            ("application/octet-stream", "memo.M4A", "recording.m4a"),
            ("application/octet-stream", "memo.opus", "recording.ogg"),
            ("application/octet-stream", "memo.exe", "recording.ogg"),
            ("", "a.oga", "recording.oga"),
        ] {
            assert_eq!(sent_as(mime, name).1, sent, "{mime} {name}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_what_is_sent_fits_a_header(mime: String, name: String) {
            let (mime, name) = sent_as(&mime, &name);
            prop_assert!(mime.is_ascii() && mime.contains('/') && !mime.contains([' ', '"', '\r', '\n']));
            let stem = name.strip_prefix("recording.").unwrap();
            prop_assert!(KEPT.contains(&stem));
        }
    }
}
