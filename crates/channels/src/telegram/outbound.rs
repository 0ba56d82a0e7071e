//! From parts to calls.

use agent_core::{ChannelError, Sent};
use bytes::Bytes;
use session_api::{BlobId, BlobStore, Part, PartClaim};
use teloxide_core::{
    payloads::{
        DeleteMessage, EditMessageText, EditMessageTextSetters as _, SendMessage, SendMessageSetters as _,
    },
    types::{
        ChatId, InlineKeyboardButton, InlineKeyboardMarkup, LinkPreviewOptions, MessageId, ParseMode,
        Recipient, ReplyParameters, ThreadId,
    },
};

use super::{
    api::Api,
    error::{CallError, Cause},
    markup,
    multipart::Form,
};

/// Most bytes of a picture that Telegram shows as one; a larger one goes as a file.
const LARGEST_PHOTO: usize = 10 << 20;

/// Most bytes of any file.
pub(super) const LARGEST_FILE: usize = 50 << 20;

/// Where a part goes, in Telegram's words.
#[derive(Debug, Clone)]
struct Target {
    chat: i64,
    thread: Option<ThreadId>,
    reply_to: Option<MessageId>,
    keyboard: Option<InlineKeyboardMarkup>,
}

enum Failure {
    /// The call may have put something into the chat.
    Sending(CallError),
    /// The call can be repeated without harm.
    Harmless(CallError),
    Other(ChannelError),
}

/// Sends a part: as new, as an edit, or by taking it away.
pub(super) async fn send(api: &Api, blobs: &dyn BlobStore, claim: &PartClaim) -> Result<Sent, ChannelError> {
    let mut target = target(claim)?;
    let mut done = once(api, blobs, claim, &target).await;
    // A group that became a supergroup has a new id. Asking there is not a retry: the first call did nothing.
    if let Err(Failure::Sending(error) | Failure::Harmless(error)) = &done
        && let Some(Cause::Migrated(to)) = error.cause()
    {
        target.chat = to;
        done = once(api, blobs, claim, &target).await;
    }
    done.map_err(|failure| match failure {
        Failure::Sending(error) => error.doubtful(),
        Failure::Harmless(error) => error.harmless(),
        Failure::Other(error) => error,
    })
}

fn target(claim: &PartClaim) -> Result<Target, ChannelError> {
    let route = &claim.route;
    let chat = route.chat.parse().map_err(|_| permanent("the route does not name a Telegram chat"))?;
    let number = |text: &Option<String>| text.as_deref().and_then(|text| text.parse().ok()).map(MessageId);
    let first = claim.part.index == 0;
    let choices = if first { claim.kind.choices() } else { Vec::new() };
    let buttons = choices.into_iter().map(|(label, command)| InlineKeyboardButton::callback(label, command));
    let row: Vec<InlineKeyboardButton> = buttons.collect();
    let keyboard = (!row.is_empty()).then(|| InlineKeyboardMarkup::new([row]));
    Ok(Target {
        chat,
        thread: number(&route.thread).map(ThreadId),
        // One mark of what is answered is enough for a message of several parts.
        reply_to: number(&route.reply_to).filter(|_| first),
        keyboard,
    })
}

async fn once(api: &Api, blobs: &dyn BlobStore, claim: &PartClaim, target: &Target) -> Result<Sent, Failure> {
    let standing = claim.part.platform_id.as_deref().and_then(|id| id.parse().ok()).map(MessageId);
    match (&claim.part.body, standing) {
        (None, Some(id)) => delete(api, target, id).await,
        // It was never shown.
        (None, None) => Ok(Sent { platform_id: None }),
        (Some(Part::Text { text }), Some(id)) => edit(api, target, id, text).await,
        (Some(Part::Text { text }), None) => post(api, target, text).await,
        (Some(Part::Image { blob, mime }), _) => {
            let bytes = load(blobs, blob).await?;
            let extension = mime.strip_prefix("image/").unwrap_or("bin");
            let name = format!("image.{extension}");
            // An animated picture would stand still as a photo.
            let photo = bytes.len() <= LARGEST_PHOTO && mime != "image/gif";
            let boundary = claim.part.id.to_string();
            if photo {
                match upload(api, target, "photo", &boundary, (&name, mime, &bytes)).await {
                    Err(Failure::Sending(error)) if error.cause() == Some(Cause::Picture) => {}
                    done => return done,
                }
            }
            upload(api, target, "document", &boundary, (&name, mime, &bytes)).await
        }
        (Some(Part::File { blob, mime, name }), _) => {
            let bytes = load(blobs, blob).await?;
            let kind = if mime.starts_with("audio/ogg") { "voice" } else { "document" };
            upload(api, target, kind, &claim.part.id.to_string(), (name, mime, &bytes)).await
        }
        (Some(_), _) => Err(Failure::Other(permanent("only texts and files can be sent to Telegram"))),
    }
}

async fn post(api: &Api, target: &Target, text: &str) -> Result<Sent, Failure> {
    let make = |text: &str| {
        let mut message = SendMessage::new(recipient(target), text).link_preview_options(no_preview());
        message.message_thread_id = target.thread;
        message.reply_parameters =
            target.reply_to.map(|id| ReplyParameters::new(id).allow_sending_without_reply());
        message.reply_markup = target.keyboard.clone().map(Into::into);
        message
    };
    let plain = make(text);
    let sent = match markup::html(text) {
        None => api.call::<MessageId, _>(&plain).await,
        Some(html) => match api.call(&make(&html).parse_mode(ParseMode::Html)).await {
            Err(error) if error.cause() == Some(Cause::Markup) => api.call(&plain).await,
            done => done,
        },
    };
    sent.map(known).map_err(Failure::Sending)
}

async fn edit(api: &Api, target: &Target, id: MessageId, text: &str) -> Result<Sent, Failure> {
    let make = |text: &str| {
        let mut edit = EditMessageText::new(recipient(target), id, text).link_preview_options(no_preview());
        // Without it the keyboard would go away.
        edit.reply_markup = target.keyboard.clone();
        edit
    };
    let plain = make(text);
    let done = match markup::html(text) {
        None => api.call::<MessageId, _>(&plain).await,
        Some(html) => match api.call(&make(&html).parse_mode(ParseMode::Html)).await {
            Err(error) if error.cause() == Some(Cause::Markup) => api.call(&plain).await,
            done => done,
        },
    };
    match done {
        Ok(_) => Ok(known(id)),
        Err(error) => match error.cause() {
            Some(Cause::NotModified) => Ok(known(id)),
            // Somebody deleted it, or it is too old: what is to be said is said anew.
            Some(Cause::Gone) => post(api, target, text).await,
            _ => Err(Failure::Harmless(error)),
        },
    }
}

async fn delete(api: &Api, target: &Target, id: MessageId) -> Result<Sent, Failure> {
    match api.call::<bool, _>(&DeleteMessage::new(recipient(target), id)).await {
        Ok(_) => Ok(known(id)),
        Err(error) if error.cause() == Some(Cause::Gone) => Ok(known(id)),
        Err(error) => Err(Failure::Harmless(error)),
    }
}

async fn upload(
    api: &Api,
    target: &Target,
    kind: &str,
    boundary: &str,
    (name, mime, bytes): (&str, &str, &Bytes),
) -> Result<Sent, Failure> {
    if bytes.len() > LARGEST_FILE {
        return Err(Failure::Other(permanent(
            "the file is larger than the 50 MB that a Telegram bot may send",
        )));
    }
    let mut form = Form::new(boundary.to_owned()).field("chat_id", &target.chat.to_string());
    if let Some(ThreadId(MessageId(id))) = target.thread {
        form = form.field("message_thread_id", &id.to_string());
    }
    if let Some(MessageId(id)) = target.reply_to {
        form = form.field(
            "reply_parameters",
            &format!("{{\"message_id\":{id},\"allow_sending_without_reply\":true}}"),
        );
    }
    let form = form.file(kind, name, mime, bytes);
    let method = match kind {
        "photo" => "sendPhoto",
        "voice" => "sendVoice",
        _ => "sendDocument",
    };
    api.upload::<MessageId>(method, form).await.map(known).map_err(Failure::Sending)
}

async fn load(blobs: &dyn BlobStore, blob: &BlobId) -> Result<Bytes, Failure> {
    let found = blobs.get_blob(blob).await.map_err(|error| Failure::Other(error.into()))?;
    found.ok_or_else(|| Failure::Other(permanent("the file is no longer in the store")))
}

fn recipient(target: &Target) -> Recipient {
    Recipient::Id(ChatId(target.chat))
}

fn no_preview() -> LinkPreviewOptions {
    LinkPreviewOptions {
        is_disabled: true,
        url: None,
        prefer_small_media: false,
        prefer_large_media: false,
        show_above_text: false,
    }
}

fn known(MessageId(id): MessageId) -> Sent {
    Sent { platform_id: Some(id.to_string()) }
}

fn permanent(message: &str) -> ChannelError {
    ChannelError::Permanent { message: message.to_owned() }
}
