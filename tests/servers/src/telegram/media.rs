//! Files, both ways.

use bytes::Bytes;
use serde_json::{Value, json};

use super::form::{Params, Upload};
use super::methods::{Answer, Refusal, begin, finish, read_text};
use super::state::{SentFile, State};

/// Most bytes of a picture.
const LARGEST_PHOTO: usize = 10 << 20;

/// Most bytes of any other file that a bot sends.
const LARGEST_FILE: usize = 50 << 20;

/// Most bytes of a file that a bot can fetch.
const LARGEST_FETCH: u64 = 20 << 20;

/// Most UTF-16 units of a caption.
const LONGEST_CAPTION: usize = 1024;

/// `sendPhoto` and its kin; `kind` is the parameter with the file.
pub(super) fn send(state: &mut State, kind: &str, params: &Params) -> Answer {
    let (text, entities, html) = read_text(params, "caption", LONGEST_CAPTION)?;
    let upload = upload(state, kind, params, params.text(kind))?;
    let limit = if kind == "photo" { LARGEST_PHOTO } else { LARGEST_FILE };
    if upload.bytes.len() > limit {
        return Err(Refusal { code: 413, text: "Request Entity Too Large".into(), parameters: None });
    }
    let (chat, mut shown, mut value) = begin(state, params)?;
    if !text.is_empty() {
        value["caption"] = text.as_str().into();
        value["caption_entities"] = entities.into();
    }
    value[kind] = describe(state, kind, &upload);
    shown.text = text;
    shown.source = params.text("caption").unwrap_or_default().to_owned();
    shown.html = html;
    shown.file =
        Some(SentFile { kind: kind.to_owned(), name: upload.name, mime: upload.mime, bytes: upload.bytes });
    Ok(finish(state, chat, shown, value))
}

/// Two to ten files at once.
pub(super) fn send_group(state: &mut State, params: &Params) -> Answer {
    let media = params.json("media").unwrap_or_default();
    let items = media.as_array().cloned().unwrap_or_default();
    if !(2..=10).contains(&items.len()) {
        return Err(Refusal::bad("wrong number of items in the album"));
    }
    let album = format!("{}", 13_000_000_000_i64 + state.next_message);
    let mut sent = Vec::new();
    for item in items {
        let kind = item["type"].as_str().unwrap_or("document").to_owned();
        let file = upload(state, &kind, params, item["media"].as_str())?;
        let (chat, mut shown, mut value) = begin(state, params)?;
        value["media_group_id"] = album.as_str().into();
        if let Some(caption) = item["caption"].as_str() {
            value["caption"] = caption.into();
            shown.text = caption.to_owned();
        }
        value[&kind] = describe(state, &kind, &file);
        shown.file = Some(SentFile { kind, name: file.name, mime: file.mime, bytes: file.bytes });
        sent.push(finish(state, chat, shown, value));
    }
    Ok(sent.into())
}

/// The file that a parameter means: part of the request, or one that is known by its id.
fn upload(state: &State, kind: &str, params: &Params, named: Option<&str>) -> Result<Upload, Refusal> {
    let attached = named.and_then(|name| name.strip_prefix("attach://")).unwrap_or(kind);
    if let Some(upload) = params.files.get(attached) {
        return Ok(upload.clone());
    }
    let known = named.and_then(|id| state.files.get(id));
    let file = known.ok_or_else(|| Refusal::bad("wrong file identifier/HTTP URL specified"))?;
    let name = file.path.rsplit('/').next().unwrap_or_default().to_owned();
    Ok(Upload { name, mime: "application/octet-stream".into(), bytes: file.bytes.clone() })
}

fn describe(state: &mut State, kind: &str, file: &Upload) -> Value {
    let extension = file.name.rsplit_once('.').map_or("bin", |(_, extension)| extension);
    let id = state.keep(&format!("{kind}s"), extension, Bytes::clone(&file.bytes));
    let unique = format!("AQAD{}", state.files.len());
    let size = file.bytes.len();
    match kind {
        "photo" => {
            json!([{"file_id": id, "file_unique_id": unique, "width": 100, "height": 100, "file_size": size}])
        }
        "document" => {
            json!({"file_id": id, "file_unique_id": unique, "file_name": file.name, "mime_type": file.mime, "file_size": size})
        }
        _ => {
            json!({"file_id": id, "file_unique_id": unique, "duration": 1, "width": 1, "height": 1, "mime_type": file.mime, "file_size": size})
        }
    }
}

pub(super) fn get_file(state: &State, params: &Params) -> Answer {
    let id = params.text("file_id").unwrap_or_default();
    let file = state.files.get(id).ok_or_else(|| Refusal::bad("invalid file_id"))?;
    if file.size > LARGEST_FETCH {
        return Err(Refusal::bad("file is too big"));
    }
    Ok(json!({"file_id": id, "file_unique_id": "AQAD", "file_size": file.size, "file_path": file.path}))
}
