"""The page answers to its own names alone: a foreign site whose name leads to this machine reads nothing."""

import asyncio
import contextlib
import http.client

import pytest
import uvicorn
import websockets
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute

from experiments.page.server import guarded


async def page(_):
    return PlainTextResponse("the page")


async def talk(socket):
    await socket.accept()
    await socket.send_text("welcome")
    await socket.close()


SITE = Starlette(routes=[Route("/", page), WebSocketRoute("/socket", talk)])


@contextlib.asynccontextmanager
async def served(*names):
    """A site behind the guard; gives its port."""
    server = uvicorn.Server(uvicorn.Config(guarded(SITE, names), port=0, log_level="error"))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await task


def get(port, host):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/", headers={"Host": host})
    with contextlib.closing(connection):
        return connection.getresponse().status


def status(host, *names):
    async def ask():
        async with served(*names) as port:
            return await asyncio.to_thread(get, port, host.format(port=port))

    return asyncio.run(ask())


def welcome(origin, *names, host="127.0.0.1"):
    """What the socket says to a page of this origin, or None where it is refused."""

    async def ask():
        async with served(*names) as port:
            headers = {"Host": host}
            try:
                async with websockets.connect(
                    f"ws://127.0.0.1:{port}/socket",
                    origin=origin.format(port=port) if origin else None,
                    additional_headers=None if host == "127.0.0.1" else headers,
                ) as socket:
                    return await socket.recv()
            except websockets.InvalidStatus:
                return None

    return asyncio.run(ask())


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:{port}", "localhost:{port}", "LOCALHOST", "[::1]:{port}"])
def test_this_machine_is_answered(host):
    assert status(host) == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example.com", "evil.example.com:{port}", "localhost.evil.com", "127.0.0.1.evil.com", "", "[::1].evil.com"],
)
def test_a_foreign_host_is_refused(host):
    assert status(host) == 400


def test_a_name_under_which_the_page_is_published_is_answered():
    assert status("aid.example.org", "aid.example.org") == 200
    assert status("evil.example.com", "aid.example.org") == 400
    assert welcome("https://aid.example.org", "aid.example.org") == "welcome"
    assert welcome("https://evil.example.com", "aid.example.org") is None


@pytest.mark.parametrize("origin", ["http://127.0.0.1:{port}", "http://localhost:{port}", None])
def test_a_socket_of_the_page_itself_is_answered(origin):
    assert welcome(origin) == "welcome"


@pytest.mark.parametrize(
    "origin", ["http://evil.example.com", "http://evil.example.com:{port}", "null", "http://localhost.evil.com"]
)
def test_a_socket_of_a_foreign_page_is_refused(origin):
    assert welcome(origin) is None


def test_a_socket_under_a_foreign_host_is_refused():
    assert welcome(None, host="evil.example.com") is None
