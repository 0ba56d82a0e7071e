"""python-telegram-bot against the fake Telegram: whatever it understands, the fake says as Telegram does.

    tests/servers/conformance/run.sh telegram
"""

import asyncio
import io
import json
import logging
import subprocess
import sys

# This file has the library's name: its own folder must not be looked in.
sys.path.pop(0)

from telegram import (  # noqa: E402
    BotCommand, InlineKeyboardButton, InlineKeyboardMarkup, InputMediaDocument, ReplyParameters, Update,
)
from telegram.error import (  # noqa: E402
    BadRequest, ChatMigrated, Conflict, Forbidden, InvalidToken, NetworkError, RetryAfter,
)
from telegram.ext import Application, TypeHandler  # noqa: E402

FRIEND, GROUP = 5, -1001234567890


class Fake:
    """The server's process and its commands."""

    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.about = json.loads(self.process.stdout.readline())

    def do(self, verb, **fields):
        self.process.stdin.write(json.dumps({"do": verb, **fields}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def end(self):
        self.process.stdin.close()
        assert self.process.wait(10) == 0


def application(fake, token=None):
    url = fake.about["api_url"]
    builder = Application.builder().token(token or fake.about["token"])
    return builder.base_url(url + "/bot").base_file_url(url + "/file/bot").build()


async def refused(kind, call, word=""):
    try:
        await call
    except kind as error:
        assert type(error) is kind, (type(error), kind)
        assert word.lower() in str(error).lower(), (word, str(error))
        return error
    raise AssertionError(f"{kind.__name__} was expected")


def passed(what):
    print("PASS", what, flush=True)


async def main(program):
    fake = Fake(program)
    updates = asyncio.Queue()

    async def heard(update, _context):
        await updates.put(update)

    async def next_update():
        return await asyncio.wait_for(updates.get(), 10)

    app = application(fake)
    app.add_handler(TypeHandler(Update, heard))
    await app.initialize()
    bot = app.bot
    assert (bot.id, bot.username) == (fake.about["bot_id"], fake.about["bot_name"])
    assert bot.can_read_all_group_messages is False
    passed("getMe")

    before = fake.do("say", user=FRIEND, text="before the start")
    await app.start()
    await app.updater.start_polling(timeout=1, allowed_updates=["message", "edited_message", "callback_query"])
    update = await next_update()
    assert update.update_id == before["update_id"] and update.message.text == "before the start"
    assert update.message.from_user.id == FRIEND and update.message.chat.type == "private"
    first = update.message
    passed("getUpdates: a private text")

    fake.do("say", user=FRIEND, chat=GROUP, text="😀 @factotum_bot /new@factotum_bot Fac", text_mention="Fac", topic=77)
    message = (await next_update()).message
    assert message.chat.type == "supergroup" and message.is_topic_message and message.message_thread_id == 77
    kinds = {entity.type: text for entity, text in message.parse_entities().items()}
    assert kinds == {"mention": "@factotum_bot", "bot_command": "/new@factotum_bot", "text_mention": "Fac"}, kinds
    passed("getUpdates: entities and topics of a group")

    fake.do("say", user=FRIEND, text="after the fact", edit_of=first.message_id)
    edited = (await next_update()).edited_message
    assert edited.message_id == first.message_id and edited.edit_date is not None
    passed("getUpdates: an edit")

    fake.do("say", user=FRIEND, text="look", file="photo", content="picture", album="a")
    fake.do("say", user=FRIEND, text="", file="notes.txt", content="text", album="a")
    fake.do("say", user=FRIEND, text="", file="voice", content="OggS")
    photo, document, voice = [(await next_update()).message for _ in range(3)]
    assert photo.caption == "look" and photo.media_group_id == document.media_group_id == "a"
    assert photo.photo[-1].width > photo.photo[0].width and document.document.file_name == "notes.txt"
    for file, content in [(photo.photo[-1], b"picture"), (document.document, b"text"), (voice.voice, b"OggS")]:
        assert await (await file.get_file()).download_as_bytearray() == content
    passed("getFile and downloads: photo, document, voice, album")

    sent = await bot.send_message(
        GROUP, '<b>fat</b> &amp; <a href="https://a.b/?c=1&amp;d=2">link</a> <pre><code class="language-py">x</code></pre>',
        parse_mode="HTML", message_thread_id=77, reply_parameters=ReplyParameters(message.message_id),
        reply_markup=InlineKeyboardMarkup([[InlineKeyboardButton("Allow", callback_data="/approve 1")]]),
    )
    assert sent.text == "fat & link x" and sent.message_thread_id == 77 and sent.from_user.id == bot.id
    assert sent.reply_to_message.message_id == message.message_id
    assert [entity.type for entity in sent.entities] == ["bold", "text_link", "pre"] and sent.entities[2].language == "py"
    assert sent.reply_markup.inline_keyboard[0][0].callback_data == "/approve 1"
    shown = fake.do("shown", chat=GROUP)
    assert shown[0]["buttons"] == [["Allow", "/approve 1"]] and shown[0]["html"] is True, shown
    passed("sendMessage: HTML, topic, reply, buttons")

    fake.do("press", user=FRIEND, chat=GROUP, message=sent.message_id, data="/approve 1")
    query = (await next_update()).callback_query
    assert query.data == "/approve 1" and query.message.message_id == sent.message_id
    await query.answer()
    assert fake.do("state")["answered_callbacks"] == [query.id]
    passed("callback_query and answerCallbackQuery")

    changed = await sent.edit_text("<i>thin</i>", parse_mode="HTML")
    assert changed.message_id == sent.message_id and changed.text == "thin" and changed.edit_date is not None
    await refused(BadRequest, sent.edit_text("<i>thin</i>", parse_mode="HTML"), "not modified")
    await refused(BadRequest, bot.edit_message_text("x", GROUP, 4711), "message to edit not found")
    assert await sent.delete() is True
    await refused(BadRequest, sent.delete(), "message to delete not found")
    passed("editMessageText and deleteMessage")

    await refused(BadRequest, bot.send_message(FRIEND, "<b>x", parse_mode="HTML"), "can't parse entities")
    await refused(BadRequest, bot.send_message(FRIEND, "<h1>x</h1>", parse_mode="HTML"), "can't parse entities")
    await refused(BadRequest, bot.send_message(FRIEND, "x" * 4097), "too long")
    await refused(BadRequest, bot.send_message(FRIEND, " "), "empty")
    await refused(BadRequest, bot.send_message(FRIEND, "x", reply_parameters=ReplyParameters(4711)), "not found")
    alone = ReplyParameters(4711, allow_sending_without_reply=True)
    assert (await bot.send_message(FRIEND, "x" * 4096, reply_parameters=alone)).reply_to_message is None
    passed("what sendMessage refuses")

    fake.do("fault", method="sendMessage", code=429, retry_after=3)
    error = await refused(RetryAfter, bot.send_message(FRIEND, "x"))
    assert int(getattr(error.retry_after, "total_seconds", lambda: error.retry_after)()) == 3
    fake.do("fault", method="sendMessage", code=502)
    await refused(NetworkError, bot.send_message(FRIEND, "x"), "Bad Gateway")
    fake.do("fault", method="sendMessage")
    await refused(NetworkError, bot.send_message(FRIEND, "x"))
    fake.do("close", chat=6, code=403, description="Forbidden: bot was blocked by the user")
    await refused(Forbidden, bot.send_message(6, "x"), "blocked")
    fake.do("close", chat=7, code=400, description="Bad Request: chat not found")
    await refused(BadRequest, bot.send_message(7, "x"), "not found")
    fake.do("migrate", **{"from": -42, "to": -1000000000042})
    assert (await refused(ChatMigrated, bot.send_message(-42, "x"))).new_chat_id == -1000000000042
    passed("faults: flood, gateway, cut line, blocked, migrated")

    file = await bot.send_document(FRIEND, io.BytesIO(b"content"), filename="größe.txt", caption="<b>c</b>", parse_mode="HTML")
    assert file.document.file_name == "größe.txt" and file.caption == "c", file
    assert await (await file.document.get_file()).download_as_bytearray() == b"content"
    picture = await bot.send_photo(FRIEND, io.BytesIO(b"picture"), message_thread_id=3)
    assert picture.photo and picture.message_thread_id == 3
    again = await bot.send_photo(FRIEND, picture.photo[-1].file_id)
    assert again.photo
    assert (await bot.send_voice(FRIEND, io.BytesIO(b"OggS"))).voice
    group = await bot.send_media_group(FRIEND, [InputMediaDocument(b"1", filename="a"), InputMediaDocument(b"2", filename="b")])
    assert len({part.media_group_id for part in group}) == 1 and len(group) == 2
    assert [one["file"]["size"] for one in fake.do("shown", chat=FRIEND) if one["file"]] == [7, 7, 7, 4, 1, 1]
    passed("sendDocument, sendPhoto, sendVoice, sendMediaGroup")

    assert await bot.send_chat_action(FRIEND, "typing", message_thread_id=3)
    assert await bot.set_message_reaction(FRIEND, first.message_id, "👀")
    assert await bot.set_my_commands([BotCommand("stop", "Stop the turn")])
    assert [command.command for command in await bot.get_my_commands()] == ["stop"]
    await refused(BadRequest, bot.set_my_commands([BotCommand("Not-good", "x")]), "Bot_command_invalid")
    passed("sendChatAction, setMessageReaction, setMyCommands")

    unknown = fake.do("raw", update={"tomorrows_kind": {"x": 1}})
    fake.do("redeliver", times=1)
    await asyncio.sleep(1.5)
    state = fake.do("state")
    assert unknown["update_id"] in state["acknowledged"] and state["pending"] == 0, state
    assert state["allowed_updates"] == ["message", "edited_message", "callback_query"]
    passed("acknowledgement by offset, unknown kinds, redelivery")

    other = application(fake)
    await other.initialize()
    await app.updater.stop()
    poll = asyncio.create_task(bot.get_updates(timeout=30))
    while fake.do("state")["polls_waiting"] == 0:
        await asyncio.sleep(0.05)
    assert await other.bot.get_updates(timeout=1) == ()
    await refused(Conflict, poll, "terminated by other getUpdates request")
    passed("two pollers: the newer one throws the older one out")

    assert await bot.set_webhook("https://example.com/hook", secret_token="sixteen-letters-", allowed_updates=["message"])
    info = await bot.get_webhook_info()
    assert info.url == "https://example.com/hook" and list(info.allowed_updates) == ["message"]
    await refused(Conflict, bot.get_updates(timeout=0), "webhook is active")
    await refused(BadRequest, bot.set_webhook("https://example.com", secret_token="with space"), "unallowed")
    assert await bot.delete_webhook()
    assert (await bot.get_webhook_info()).url == ""
    passed("setWebhook, getWebhookInfo, deleteWebhook")

    await refused(InvalidToken, application(fake, "1:wrong").initialize())
    passed("a wrong token")

    await app.stop()
    await app.shutdown()
    await other.shutdown()
    fake.end()


# The library logs the faults that it meets here on purpose.
logging.getLogger("telegram").setLevel(logging.CRITICAL)
asyncio.run(main(sys.argv[1]))
