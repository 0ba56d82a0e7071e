"""discord.py against the fake Discord: whatever it understands, the fake says as Discord does.

    python -m venv target/conformance && target/conformance/bin/pip install discord.py
    cargo build -p servers --bin discord-server
    target/conformance/bin/python tests/servers/conformance/discord.py target/debug/discord-server
"""

import asyncio
import json
import subprocess
import sys

# This file has the library's name: its own folder must not be looked in.
sys.path.pop(0)

import discord  # noqa: E402
import yarl  # noqa: E402
from discord import app_commands  # noqa: E402

CHAT, ROOM, THREAD, FRIEND = 201, 400, 410, 42


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


class Bot(discord.Client):
    """Collects what the library makes of the events."""

    def __init__(self):
        intents = discord.Intents(guilds=True, guild_messages=True, dm_messages=True, message_content=True)
        super().__init__(intents=intents)
        self.heard = asyncio.Queue()
        self.asked = asyncio.Queue()
        self.resumed = asyncio.Event()
        self.begun = asyncio.Queue()
        self.tree = app_commands.CommandTree(self)

        @self.tree.command(name="status", description="how it is")
        async def status(interaction):
            await interaction.response.send_message("taken", ephemeral=True)
            await self.asked.put(interaction)

    async def on_connect(self):
        await self.begun.put("session")

    async def on_resumed(self):
        self.resumed.set()

    async def on_message(self, message):
        if message.author != self.user:
            await self.heard.put(message)


async def within(what, awaitable, seconds=15):
    try:
        return await asyncio.wait_for(awaitable, seconds)
    except asyncio.TimeoutError:
        raise AssertionError(f"waited for {what}") from None


async def talk(fake, bot):
    await within("a session", bot.begun.get())
    assert bot.user.id == fake.about["bot"] and bot.user.bot

    # What people say.
    sent = fake.do("say", channel=CHAT, user=FRIEND, text="hello")
    message = await within("a direct message", bot.heard.get())
    assert str(message.id) == sent["id"] and message.content == "hello"
    assert message.guild is None and message.author.id == FRIEND and message.author.global_name == "User 42"
    fake.do("say", channel=CHAT, user=FRIEND, text="file", file="note.txt")
    message = await within("a file", bot.heard.get())
    assert (await message.attachments[0].read()) == b"note.txt"
    fake.do("say", channel=ROOM, user=FRIEND, text=f"<@{bot.user.id}> in a room")
    message = await within("a mention", bot.heard.get())
    assert bot.user in message.mentions and message.channel.id == ROOM

    # What the bot says.
    chat = await bot.fetch_channel(CHAT)
    assert isinstance(chat, discord.DMChannel)
    first = await chat.send("first", nonce="n1", allowed_mentions=discord.AllowedMentions.none())
    assert first.content == "first" and first.nonce == "n1" and first.author == bot.user
    reply = await chat.send("reply", reference=first)
    assert reply.reference.message_id == first.id and reply.type == discord.MessageType.reply
    assert (await first.edit(content="edited")).content == "edited"
    files = await chat.send(file=discord.File(fp=__import__("io").BytesIO(b"bytes"), filename="b.txt"))
    assert files.attachments[0].filename == "b.txt" and await files.attachments[0].read() == b"bytes"
    history = [found.id async for found in chat.history(limit=10)]
    assert history[:3] == [files.id, reply.id, first.id], "newest first"
    after = [found.id async for found in chat.history(limit=2, after=first, oldest_first=True)]
    assert after == [reply.id, files.id]
    async with chat.typing():
        pass
    await reply.delete()
    for call, code in [(reply.edit(content="x"), 10008), (chat.send("x" * 2001), 50035), (bot.fetch_channel(5), 10003)]:
        try:
            await call
            raise AssertionError(f"no error {code}")
        except discord.HTTPException as error:
            assert error.code == code, error
    thread = bot.get_partial_messageable(THREAD)
    await thread.send("in the thread")
    fake.do("archive", channel=THREAD)
    try:
        await thread.send("late")
        raise AssertionError("an archived thread takes messages")
    except discord.HTTPException as error:
        assert error.code == 50083, error
    assert [shown["text"] for shown in fake.do("shown", channel=CHAT)] == ["edited", ""]

    # Commands.
    await bot.tree.sync()
    assert fake.do("seen")["commands"] == 1
    fake.do("slash", channel=CHAT, user=FRIEND, text="status")
    asked = await within("a slash command", bot.asked.get())
    assert asked.user.id == FRIEND and asked.channel_id == CHAT

    # Losing the connection.
    for verb in ["reset", "reconnect"]:
        bot.resumed.clear()
        assert fake.do(verb)["done"]
        fake.do("say", channel=CHAT, user=FRIEND, text=f"during {verb}")
        message = await within(f"the replay after {verb}", bot.heard.get())
        assert message.content == f"during {verb}"
        await within(f"a resume after {verb}", bot.resumed.wait())
    assert fake.do("seen")["identifies"] == 1
    assert fake.do("invalidate")["done"]
    await within("a new session", bot.begun.get())
    assert fake.do("seen")["identifies"] == 2


async def main(program):
    fake = Fake(program)
    discord.http.Route.BASE = f"{fake.about['url']}/api/v10"
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(fake.about["gateway"])
    bot = Bot()
    running = asyncio.create_task(bot.start(fake.about["token"]))
    talking = asyncio.create_task(talk(fake, bot))
    await asyncio.wait({running, talking}, return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        talking.cancel()
        running.result()
    await talking
    await bot.close()
    fake.end()
    print(f"discord.py {discord.__version__} and the fake agree")


if __name__ == "__main__":
    discord.utils.setup_logging(level=30)
    asyncio.run(main(sys.argv[1]))
