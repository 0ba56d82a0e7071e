//! Files: shared ones to download, and the three steps of an upload.

use bytes::Bytes;
use serde_json::{Value, json};

use super::serve::{Response, page, typed};
use super::server::Shared;
use super::world::{Shown, Stored, World};
use super::{BOT_TOKEN, BOT_USER};

/// The bytes, for who has the token; the login page for who has not.
pub(super) async fn download(shared: &Shared, id: &str, token: Option<&str>) -> Response {
    let authorized = token == Some(BOT_TOKEN);
    shared.change(|world| world.downloads.push((id.to_owned(), authorized)));
    loop {
        let mut changed = std::pin::pin!(shared.notify.notified());
        changed.as_mut().enable();
        if !shared.world.lock().files_held {
            break;
        }
        changed.await;
    }
    let world = shared.world.lock();
    match world.files.get(id) {
        _ if !authorized || world.login_page => login_page(),
        Some(file) => typed(200, &file.mime, Bytes::from(file.bytes.clone())),
        None => page(404, "no such file"),
    }
}

pub(super) fn login_page() -> Response {
    let html = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Sign in to Fake</body></html>";
    typed(200, "text/html; charset=utf-8", Bytes::from_static(html.as_bytes()))
}

/// A file as events show it.
pub(super) fn shape(world: &World, id: &str, address: &str) -> Option<Value> {
    let file = world.files.get(id)?;
    let url = format!("http://{address}/files-pri/{id}");
    Some(json!({
        "id": id, "name": file.name, "title": file.name, "mimetype": file.mime, "size": file.bytes.len(),
        "mode": "hosted", "url_private": url, "url_private_download": url,
    }))
}

pub(super) fn info(world: &World, id: &str, address: &str) -> Result<Value, &'static str> {
    Ok(json!({"file": shape(world, id, address).ok_or("file_not_found")?}))
}

pub(super) fn upload_url(world: &mut World, arguments: &Value, address: &str) -> Result<Value, &'static str> {
    let name = arguments["filename"].as_str().filter(|name| !name.is_empty()).ok_or("invalid_arguments")?;
    let length = arguments["length"].as_str().and_then(|text| text.parse::<u64>().ok());
    length.filter(|length| *length > 0).ok_or("invalid_arguments")?;
    let id = format!("F{}", world.number());
    let mime = "application/octet-stream".to_owned();
    world.files.insert(id.clone(), Stored { name: name.to_owned(), mime, bytes: Vec::new(), shared: false });
    Ok(json!({"upload_url": format!("http://{address}/upload/{id}"), "file_id": id}))
}

pub(super) fn upload(shared: &Shared, id: &str, body: &[u8]) -> Response {
    shared.change(|world| match world.files.get_mut(id) {
        Some(file) => {
            file.bytes = body.to_vec();
            page(200, &format!("OK - {}", body.len()))
        }
        None => page(404, "no such upload"),
    })
}

pub(super) fn complete(world: &mut World, arguments: &Value, micros: u64) -> Result<Value, &'static str> {
    let channel = arguments["channel_id"].as_str().unwrap_or("").to_owned();
    let id = arguments["files"][0]["id"].as_str().unwrap_or("").to_owned();
    let file = world.files.get_mut(&id).filter(|file| !file.bytes.is_empty()).ok_or("file_not_found")?;
    file.shared = true;
    let shape = json!({"id": id, "name": file.name, "title": file.name, "size": file.bytes.len()});
    if !channel.is_empty() {
        let ts = world.ts(micros);
        world.messages.push(Shown {
            channel,
            ts,
            thread_ts: arguments["thread_ts"].as_str().map(str::to_owned),
            user: BOT_USER.to_owned(),
            text: arguments["initial_comment"].as_str().unwrap_or("").to_owned(),
            blocks: Vec::new(),
            metadata: None,
            files: vec![shape.clone()],
            earlier: Vec::new(),
        });
    }
    Ok(json!({"files": [shape]}))
}

pub(super) fn delete(world: &mut World, id: &str) -> Result<Value, &'static str> {
    world.files.remove(id).ok_or("file_not_found")?;
    world.messages.retain(|message| !message.files.iter().any(|file| file["id"] == id));
    Ok(Value::Null)
}
