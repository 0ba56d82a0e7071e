"""Slack's own client library against the fake Slack: whatever it understands, the fake says as Slack does.

    python -m venv target/conformance && target/conformance/bin/pip install slack_sdk
    cargo build -p servers --bin slack-server
    target/conformance/bin/python tests/servers/conformance/slack.py target/debug/slack-server
"""

import json
import queue
import subprocess
import sys
import time
import urllib.request

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler
from slack_sdk.signature import SignatureVerifier
from slack_sdk.socket_mode import SocketModeClient
from slack_sdk.socket_mode.response import SocketModeResponse


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


def refused(call, word):
    try:
        call()
    except SlackApiError as error:
        assert error.response["error"] == word, error.response
    else:
        raise AssertionError(f"{word} was expected")


def web_api(fake, web):
    about = web.auth_test()
    assert about["user_id"] == fake.about["bot_user"] and about["team_id"] and about["bot_id"]
    stranger = WebClient("xoxb-wrong", base_url=f"{fake.about['api_url']}/api/")
    refused(stranger.auth_test, "invalid_auth")
    refused(WebClient(fake.about["app_token"], base_url=stranger.base_url).auth_test, "not_allowed_token_type")

    mark = {"event_type": "part", "event_payload": {"part": "1"}}
    first = web.chat_postMessage(channel="C1", text="one", metadata=mark)
    second = web.chat_postMessage(channel="C1", text="two", thread_ts=first["ts"])
    assert float(second["ts"]) > float(first["ts"])
    refused(lambda: web.chat_postMessage(channel="C1", text="x", thread_ts="1.000001"), "thread_not_found")
    refused(lambda: web.chat_postMessage(channel="C1", text="x" * 40_001), "msg_too_long")
    web.chat_update(channel="C1", ts=first["ts"], text="one, better")
    refused(lambda: web.chat_update(channel="C1", ts="1.000001", text="x"), "message_not_found")

    history = web.conversations_history(channel="C1", include_all_metadata=True)
    assert [message["text"] for message in history["messages"]] == ["one, better"]
    assert history["messages"][0]["metadata"] == mark
    thread = web.conversations_replies(channel="C1", ts=first["ts"])
    assert [message["text"] for message in thread["messages"]] == ["one, better", "two"]
    for number in range(5):
        web.chat_postMessage(channel="C2", text=str(number))
    pages = [page["messages"] for page in web.conversations_history(channel="C2", limit=2)]
    assert [message["text"] for page in pages for message in page] == ["4", "3", "2", "1", "0"]

    web.reactions_add(channel="C1", timestamp=first["ts"], name="eyes")
    refused(lambda: web.reactions_add(channel="C1", timestamp=first["ts"], name="eyes"), "already_reacted")
    web.reactions_remove(channel="C1", timestamp=first["ts"], name="eyes")
    refused(lambda: web.reactions_remove(channel="C1", timestamp=first["ts"], name="eyes"), "no_reaction")
    web.chat_delete(channel="C1", ts=second["ts"])
    refused(lambda: web.chat_delete(channel="C1", ts=second["ts"]), "message_not_found")

    assert web.conversations_open(users="U7")["channel"]["id"].startswith("D")
    assert web.conversations_info(channel="C1")["channel"]["id"] == "C1"
    assert {"C1", "C2"} <= {channel["id"] for channel in web.conversations_list()["channels"]}
    assert web.users_info(user="U7")["user"]["id"] == "U7"
    assert web.users_list()["members"]


def limits(fake, web):
    web.retry_handlers.append(RateLimitErrorRetryHandler(max_retry_count=1))
    fake.do("limit", method="chat.postMessage")
    began = time.monotonic()
    web.chat_postMessage(channel="C3", text="after a wait")
    assert time.monotonic() - began >= 1 and len(fake.do("shown", channel="C3")) == 1


def files(fake, web):
    uploaded = web.files_upload_v2(channel="C4", filename="a.txt", title="a.txt", content="hello")
    name = uploaded["files"][0]["id"]
    assert fake.do("content", id=name) == {"name": "a.txt", "text": "hello"}
    assert fake.do("shown", channel="C4")[0]["files"][0]["id"] == name
    about = web.files_info(file=name)["file"]
    request = urllib.request.Request(about["url_private_download"])
    assert urllib.request.urlopen(request).read().startswith(b"<!DOCTYPE html>")
    request.add_header("Authorization", f"Bearer {web.token}")
    assert urllib.request.urlopen(request).read() == b"hello"


def socket_mode(fake, web):
    came = queue.Queue()
    client = SocketModeClient(app_token=fake.about["app_token"], web_client=web)

    def listen(client, request):
        client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))
        came.put(request)

    client.socket_mode_request_listeners.append(listen)
    client.connect()
    try:
        # One after the other: the library hands them to its threads in any order.
        for kind, verb, fields in [
            ("events_api", "say", {"text": "hi"}),
            ("slash_commands", "slash", {"command": "/ask", "text": "why"}),
            ("interactive", "press", {"ts": "1.1", "value": "/help"}),
        ]:
            sent = fake.do(verb, channel="D1", user="U1", **fields)
            request = came.get(timeout=10)
            assert (request.type, request.envelope_id) == (kind, sent["envelope"])
            assert fake.do("acked", envelope=sent["envelope"]) == {"acked": True, "repeated": 0}
            if kind == "events_api":
                event = request.payload["event"]
                assert (event["type"], event["channel_type"], event["text"]) == ("message", "im", "hi")
        fake.do("disconnect", reason="refresh_requested")
        sent = fake.do("say", channel="D1", user="U1", text="still there?")
        while came.get(timeout=20).envelope_id != sent["envelope"]:
            pass
        assert fake.do("acked", envelope=sent["envelope"])["acked"]
    finally:
        client.close()


def signatures(fake):
    verifier = SignatureVerifier(fake.about["signing_secret"])
    at = int(time.time())
    headers = dict(fake.do("signed", body='{"a":"ü"}', at=at))
    assert verifier.is_valid('{"a":"ü"}', str(at), headers["x-slack-signature"])
    assert not verifier.is_valid('{"a":"u"}', str(at), headers["x-slack-signature"])


def main():
    fake = Fake(sys.argv[1])
    web = WebClient(fake.about["bot_token"], base_url=f"{fake.about['api_url']}/api/")
    for name, check in [
        ("Web API", lambda: web_api(fake, web)),
        ("limits", lambda: limits(fake, web)),
        ("files", lambda: files(fake, web)),
        ("Socket Mode", lambda: socket_mode(fake, web)),
        ("signatures", lambda: signatures(fake)),
    ]:
        check()
        print(f"{name}: as Slack does")
    fake.end()


main()
