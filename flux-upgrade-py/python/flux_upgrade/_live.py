"""Carries the requests of a plan with a function of the caller's: what to say is decided in Rust."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from . import _native
from ._errors import error_from

Attach: TypeAlias = Literal["nothing", "ifAny", "required", "tokenService"]


@dataclass(frozen=True, slots=True)
class Request:
    """A request to send: redirects are to be followed, and the body to be given unpacked.

    `source` is what is asked (`oci://host/path`, or the URL of a chart or git repository), and `attach` which login
    of it belongs to the request: `nothing`, `ifAny`, `required`, or `tokenService` where it goes to the registry's
    token service. A body longer than `max_body_bytes` is of no use; a `Response` may hold one byte more of it.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    max_body_bytes: int
    attach: Attach
    source: str


@dataclass(frozen=True, slots=True)
class Response:
    """What came back: a status, headers, the whole body, and the URL where redirects have led, if they have."""

    status: int
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = ()
    body: bytes = b""
    url: str | None = None


Fetch: TypeAlias = Callable[[Request], Response]


@dataclass(slots=True)
class Conversation:
    """A plan in the making: requests out, responses in, in any order."""

    request: str
    session: _native.Session = field(init=False)

    def __post_init__(self) -> None:
        try:
            self.session = _native.Session(self.request)
        except ValueError as error:
            # A request that cannot be planned comes as its JSON; any other is of the interpreter.
            text = str(error)
            if not text.startswith('{"error"'):
                raise
            raise error_from(json.loads(text)["error"]) from None

    def rounds(self) -> Generator[list[tuple[int, Request]]]:
        """The first requests of each round of questions, until all is known."""
        while (step := json.loads(self.session.step())).get("done") is None:
            opened = ((query["id"], self._read(self.session.start(query["id"]))) for query in step["ask"])
            yield [(number, request) for number, request in opened if request is not None]

    def told(self, number: int, request: Request, outcome: Response | OSError) -> Request | None:
        """The next request of a question after what the last one has brought."""
        if isinstance(outcome, OSError):
            return self._read(self.session.unreachable(number, str(outcome) or type(outcome).__name__))
        if len(outcome.body) > request.max_body_bytes:
            failure = {"kind": "tooLarge", "limitBytes": request.max_body_bytes}
            return self._read(self.session.fail(number, json.dumps(failure)))
        pairs = outcome.headers.items() if isinstance(outcome.headers, Mapping) else outcome.headers
        head = {"url": outcome.url or request.url, "status": outcome.status, "headers": [list(pair) for pair in pairs]}
        return self._read(self.session.receive(number, json.dumps(head), outcome.body))

    def finish(self) -> dict[str, Any]:
        """The response of the plan."""
        response: dict[str, Any] = json.loads(self.session.finish())
        return response

    @staticmethod
    def _read(text: str) -> Request | None:
        said = json.loads(text)
        if "error" in said:
            raise error_from(said["error"])
        if "send" not in said:
            return None
        send = said["send"]
        return Request(
            method=send["method"],
            url=send["url"],
            headers=tuple((name, value) for name, value in send["headers"]),
            body=send["body"].encode(),
            max_body_bytes=send["maxBodyBytes"],
            attach=send["attach"],
            source=send["source"],
        )


def ask(request: str, fetch: Fetch, concurrency: int) -> dict[str, Any]:
    """Drives a plan to its response; `fetch` is called from up to `concurrency` threads at once."""
    conversation = Conversation(request)

    def sent(wanted: Request) -> Response | OSError:
        try:
            return fetch(wanted)
        except OSError as error:
            return error

    with ThreadPoolExecutor(max(1, concurrency), thread_name_prefix="flux-upgrade") as pool:
        for batch in conversation.rounds():
            running: dict[Future[Response | OSError], tuple[int, Request]]
            running = {pool.submit(sent, wanted): (number, wanted) for number, wanted in batch}
            try:
                while running:
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        number, wanted = running.pop(future)
                        following = conversation.told(number, wanted, future.result())
                        if following is not None:
                            running[pool.submit(sent, following)] = (number, following)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    return conversation.finish()
