"""Serving the page: on this machine alone, to browsers that call it by its own names."""

import os
import re
import socket
from collections.abc import Iterable
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse

from model.errors import UserError

HOST = "127.0.0.1"
OWN_NAMES = ("localhost", "127.0.0.1", "::1")
APP = "experiments.page.app"
"""The module in which solara finds the page."""


def _name(address: str) -> str:
    """The name in `name`, `name:port` or `[::1]:port`; nothing where it is none of them."""
    found = re.fullmatch(r"(?:\[([0-9a-f:]+)\]|([^\[\]:/@]+))(?::\d+)?", address.lower())
    return (found[1] or found[2]) if found else ""


def guarded(site: Any, names: Iterable[str] = ()) -> Any:
    """An ASGI application that answers to this machine's own names and these, and refuses all others.

    A foreign web page can reach a server on loopback by a name of its own that leads there (DNS rebinding), or by a
    WebSocket, which browsers open to any host. So the Host header and a WebSocket's Origin must both be known names; a
    client that is no browser sends no Origin.
    """
    known = {*OWN_NAMES, *(name.lower() for name in names)}

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] in {"http", "websocket"}:
            headers = Headers(scope=scope)
            origin = headers.get("origin") if scope["type"] == "websocket" else None
            foreign = origin is not None and _name(origin.partition("://")[2]) not in known
            if _name(headers.get("host", "")) not in known or foreign:
                refusal = "refused: start the page with --host NAME to publish it under another name"
                await PlainTextResponse(refusal, status_code=400)(scope, receive, send)
                return
        await site(scope, receive, send)

    return answer


def serve(port: int, names: Iterable[str] = ()) -> None:
    """Serve the page on this machine until Ctrl-C, to browsers that call it by its own names or one of `names`.

    Raises:
        UserError: if the port cannot be had.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        # From here on a browser waits for the page instead of being turned away.
        listener.listen()
    except OSError as error:
        listener.close()
        raise UserError(f"--port {port} cannot be used: {error.strerror}; name another one") from None
    # Solara reads the name of its app when it is imported.
    os.environ["SOLARA_APP"] = APP
    import uvicorn
    from solara.server import settings

    settings.telemetry.mixpanel_enable = False
    settings.theme.show_banner = False
    # A browser that has gone may come back for so long; until then its model stays in memory.
    settings.kernel.cull_timeout = "10m"
    from solara.server.starlette import app as site

    from experiments.page.app import TITLE
    from experiments.page.worlds import warm_up

    config = uvicorn.Config(guarded(site, names), log_level="error", timeout_graceful_shutdown=1)
    print(f"{TITLE} http://localhost:{port} (Ctrl-C ends)", flush=True)
    try:
        # Numba compiles at the first step, in this thread: one that compiles for a visitor could not be interrupted.
        warm_up()
        uvicorn.Server(config).run(sockets=[listener])
    except KeyboardInterrupt:
        pass
    finally:
        listener.close()
