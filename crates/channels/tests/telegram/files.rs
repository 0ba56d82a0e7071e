//! Files, both ways.

use agent_core::ChannelError;
use bytes::Bytes;
use servers::telegram::{Fault, Say};
use session_api::Part;

use crate::rig::{FRIEND, Rig, STRANGER, text};

async fn bytes_of(rig: &Rig, part: &Part) -> Bytes {
    let (Part::File { blob, .. } | Part::Image { blob, .. }) = part else { panic!("{part:?}") };
    rig.stores.blobs.get_blob(blob).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_voice_note_is_fetched_as_audio() {
    let rig = Rig::new().connected().await;
    let update = rig.telegram.say(Say::private(FRIEND, "").voice("OggS…"));
    let rows = rig.take_until(update).await;
    let part = &rows[0].inbound.parts[0];
    assert!(
        matches!(part, Part::File { mime, name, .. } if mime == "audio/ogg" && name == "voice.ogg"),
        "{part:?}"
    );
    assert_eq!(bytes_of(&rig, part).await, "OggS…");
}

#[tokio::test]
async fn the_largest_photo_and_a_file_come_with_their_caption() {
    let rig = Rig::new().connected().await;
    rig.telegram.say(Say::private(FRIEND, "look").photo("large picture"));
    let update =
        rig.telegram.say(Say::private(FRIEND, "").document("../r\u{202E}fdp.exe", "text/plain", "content"));
    let rows = rig.take_until(update).await;
    assert_eq!(text(&rows[0]), "look");
    assert!(matches!(&rows[0].inbound.parts[1], Part::Image { mime, .. } if mime == "image/jpeg"));
    assert_eq!(bytes_of(&rig, &rows[0].inbound.parts[1]).await, "large picture");
    assert!(matches!(&rows[1].inbound.parts[0], Part::File { name, .. } if name == "rfdp.exe"));
}

#[tokio::test]
async fn what_is_too_large_or_cannot_be_had_is_said_in_words() {
    for (claimed, fault, note) in [
        // Its size is known before anything is asked for.
        (Some(31 << 20), None, "[file report.pdf, 31 MB: too large to take in (limit 1 MB)]"),
        // Telegram says nothing true of its size; the download is ended at the limit.
        (Some(10), None, "[file report.pdf, 1 kB: too large to take in (limit 1 MB)]"),
        (
            Some(10),
            Some(("getFile", Fault::api(400, "Bad Request: file is too big"))),
            "[file report.pdf, 1 kB: too large to take in (limit 1 MB)]",
        ),
        (
            Some(10),
            Some(("getFile", Fault::bad_gateway())),
            "[file report.pdf: could not be fetched from Telegram]",
        ),
        (
            Some(10),
            Some(("file", Fault::Status(404, "gone".into()))),
            "[file report.pdf: could not be fetched from Telegram]",
        ),
        (Some(10), Some(("file", Fault::Cut)), "[file report.pdf: could not be fetched from Telegram]"),
    ] {
        let mut rig = Rig::new().connected().await;
        rig.media_limit = 1 << 20;
        if let Some((method, fault)) = fault {
            rig.telegram.fault(method, 1, fault);
        }
        let say = Say::private(FRIEND, "see").document("report.pdf", "application/pdf", vec![0; 2 << 20]);
        let update = rig.telegram.say(say.claiming(claimed.unwrap()));
        let rows = rig.take_until(update).await;
        assert_eq!(text(&rows[0]), format!("see\n{note}"));
        let asked = rig.telegram.calls("getFile").len();
        assert_eq!(asked, usize::from(claimed != Some(31 << 20)));
    }
}

#[tokio::test]
async fn a_download_that_breaks_off_is_no_file() {
    let rig = Rig::new().connected().await;
    rig.telegram.fault("file", 1, Fault::Truncate);
    let update = rig.telegram.say(Say::private(FRIEND, "").voice(vec![7; 100_000]));
    let rows = rig.take_until(update).await;
    assert_eq!(text(&rows[0]), "[voice note voice.ogg: could not be fetched from Telegram]");
}

#[tokio::test]
async fn nothing_of_a_stranger_is_fetched() {
    let rig = Rig::new().connected().await;
    rig.telegram.say(Say::private(STRANGER, "look").photo("picture"));
    let update = rig.telegram.say(Say::group(-7, FRIEND, "not for the bot").photo("picture"));
    assert!(rig.take_until(update).await.is_empty());
    assert!(rig.telegram.calls("getFile").is_empty());
}

#[tokio::test]
async fn files_go_out_as_what_they_are() {
    for (mime, size, kind, name) in [
        ("image/png", 10, "photo", "image.png"),
        ("image/gif", 10, "document", "image.gif"),
        ("image/jpeg", (10 << 20) + 1, "document", "image.jpeg"),
        ("audio/ogg", 10, "voice", "note.ogg"),
        ("application/pdf", 10, "document", "r\u{e9}port.pdf"),
    ] {
        let rig = Rig::new();
        let content = Bytes::from(vec![1; size]);
        let blob = rig.stores.blobs.put_blob(content.clone()).await.unwrap();
        let mut claim = rig.claim(FRIEND, 1, "");
        claim.route.thread = Some("77".into());
        claim.part.body = Some(match mime.strip_prefix("image/") {
            Some(_) => Part::Image { blob, mime: mime.into() },
            None => Part::File { blob, mime: mime.into(), name: name.into() },
        });
        let sent = rig.channel.send(&claim).await.unwrap();
        let shown = rig.only(FRIEND);
        assert_eq!(sent.platform_id, Some(shown.message_id.to_string()));
        assert_eq!(shown.thread, Some(77));
        let file = shown.file.unwrap();
        assert_eq!((file.kind.as_str(), file.name.as_str(), file.mime.as_str()), (kind, name, mime));
        assert!(file.bytes == content);
    }
}

#[tokio::test]
async fn a_picture_that_is_refused_as_a_photo_goes_as_a_file() {
    let rig = Rig::new();
    rig.telegram.fault("sendPhoto", 1, Fault::api(400, "Bad Request: PHOTO_INVALID_DIMENSIONS"));
    let blob = rig.stores.blobs.put_blob(Bytes::from_static(b"long and thin")).await.unwrap();
    let mut claim = rig.claim(FRIEND, 1, "");
    claim.part.body = Some(Part::Image { blob, mime: "image/png".into() });
    rig.channel.send(&claim).await.unwrap();
    assert_eq!(rig.only(FRIEND).file.unwrap().kind, "document");
}

#[tokio::test]
async fn a_file_that_cannot_be_sent_is_refused_for_good_and_a_cut_upload_is_doubtful() {
    let rig = Rig::new();
    let mut claim = rig.claim(FRIEND, 1, "");
    let large = rig.stores.blobs.put_blob(Bytes::from(vec![0; (50 << 20) + 1])).await.unwrap();
    claim.part.body = Some(Part::File { blob: large, mime: "application/zip".into(), name: "a.zip".into() });
    assert!(matches!(rig.channel.send(&claim).await, Err(ChannelError::Permanent { .. })));
    let small = rig.stores.blobs.put_blob(Bytes::from_static(b"x")).await.unwrap();
    claim.part.body = Some(Part::File { blob: small, mime: "application/zip".into(), name: "a.zip".into() });
    rig.telegram.fault("sendDocument", 1, Fault::CutAfter);
    assert!(matches!(rig.channel.send(&claim).await, Err(ChannelError::Doubtful { .. })));
}
