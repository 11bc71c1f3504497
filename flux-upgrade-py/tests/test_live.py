"""Plans that ask: a chart repository, a registry with tokens and a git server on this machine."""

from __future__ import annotations

import _thread
import asyncio
import base64
import json
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import flux_upgrade as fu
import pytest
from flux_upgrade import aio

OID = "0123456789abcdef0123456789abcdef01234567"
Reply = tuple[int, dict[str, str], bytes]


def good(handler: BaseHTTPRequestHandler) -> Reply:
    """What sources in order say: versions 1.0.0 and 1.1.0, and the registry wants a token."""
    url = urlsplit(handler.path)
    query = parse_qs(url.query)
    if url.path == "/charts/index.yaml":
        entries = "".join(f"  - {{name: app, version: {one}, urls: [a.tgz]}}\n" for one in ("1.1.0", "1.0.0"))
        return 200, {}, f"apiVersion: v1\nentries:\n  app:\n{entries}".encode()
    if url.path.endswith("/info/refs"):
        refs = [line(f"{OID} refs/tags/{tag}") for tag in ("1.0.0", "1.1.0")]
        return 200, {}, "".join([line("# service=git-upload-pack"), "0000", *refs, "0000"]).encode()
    if url.path == "/token":
        return 200, {}, json.dumps({"token": query["scope"][0]}).encode()
    if url.path == "/v2/team/app/tags/list":
        if handler.headers.get("Authorization") != "Bearer repository:team/app:pull":
            realm = f'Bearer realm="http://{handler.headers["Host"]}/token",service="test"'
            return 401, {"WWW-Authenticate": realm}, b""
        return 200, {}, b'{"tags": ["1.0.0", "1.1.0"]}'
    return 404, {}, b""


def line(text: str) -> str:
    return f"{len(text) + 5:04x}{text}\n"


class Server:
    """A server for one test: where it is, and what it has seen."""

    def __init__(self, answer: Callable[[BaseHTTPRequestHandler], Reply]) -> None:
        seen: list[tuple[str, str | None]] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                seen.append((self.path, self.headers.get("Authorization")))
                status, headers, body = answer(self)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.seen = seen
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.host = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


Serve = Callable[[Callable[[BaseHTTPRequestHandler], Reply]], Server]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Serve]:
    """Starts servers that end with the test, on a machine that knows no login and keeps no answers."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CACHE_HOME", "DOCKER_CONFIG", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    started: list[Server] = []

    def start(answer: Callable[[BaseHTTPRequestHandler], Reply]) -> Server:
        started.append(Server(answer))
        return started[-1]

    yield start
    for one in started:
        one.server.shutdown()
        one.server.server_close()


def repository(*hosts: str) -> dict[str, str]:
    """A chart, an artifact and a git repository at each of the hosts."""
    source = "---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: {}\nmetadata: {{name: {}, namespace: apps}}\nspec:\n"
    out = ""
    for number, host in enumerate(hosts):
        helm, oci, git = (f"{kind}{number}" for kind in ("helm", "oci", "git"))
        out += f"{source.format('HelmRepository', helm)}  url: http://{host}/charts\n"
        out += (
            "---\napiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\n"
            f"metadata: {{name: {helm}, namespace: apps}}\nspec: {{chart: {{spec: {{chart: app, version: 1.0.0, "
            f"sourceRef: {{kind: HelmRepository, name: {helm}}}}}}}}}\n"
        )
        out += f"{source.format('OCIRepository', oci)}  url: oci://{host}/team/app\n  insecure: true\n"
        out += f"  ref: {{tag: 1.0.0}}\n{source.format('GitRepository', git)}  url: http://{host}/app.git\n"
        out += "  ref: {tag: 1.0.0}\n"
    return {"apps.yaml": out}


def outcomes(plan: fu.Plan) -> dict[str, Any]:
    moved: dict[str, Any] = {change.owner.name: change.to for change in plan.changes}
    return moved | {held.owner.name: dict(held.reason.details).get("failure", held.reason.kind) for held in plan.held}


FINE = {"helm0": "1.1.0", "oci0": "1.1.0", "git0": "1.1.0"}


def test_sources_are_asked_with_what_this_machine_has(serve: Serve, tmp_path: Path) -> None:
    server = serve(good)
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "apps.yaml").write_text(repository(server.host)["apps.yaml"])
    plan = fu.plan(folder, allow_hosts=["127.0.0.1"])
    assert outcomes(plan) == FINE
    lists = [path for path, _ in server.seen if "tags/list" in path]
    assert len(server.seen) == 5
    assert len(lists) == 2
    snapshot = fu.take_snapshot(folder, allow_hosts=["127.0.0.1"])
    assert fu.plan(folder, snapshot=snapshot).to_json() == plan.to_json()
    assert any(path == "/v2/team/app/manifests/1.0.0" for path, _ in server.seen), "what runs is recorded as well"
    assert set(outcomes(fu.plan(folder, offline=True))) == set(FINE)


def test_a_login_of_dockers_file_is_used(serve: Serve, tmp_path: Path) -> None:
    basic = f"Basic {base64.b64encode(b'robot:secret').decode()}"

    def private(handler: BaseHTTPRequestHandler) -> Reply:
        if handler.path.startswith("/token") and handler.headers.get("Authorization") != basic:
            return 401, {}, b""
        return good(handler)

    server = serve(private)
    files = repository(server.host)
    assert outcomes(fu.plan(files, allow_hosts=["127.0.0.1"]))["oci0"]["kind"] == "unauthorized"
    (tmp_path / ".docker").mkdir()
    auths = {server.host: {"auth": basic.removeprefix("Basic ")}}
    (tmp_path / ".docker/config.json").write_text(json.dumps({"auths": auths}))
    plan = fu.plan(files, allow_hosts=["127.0.0.1"])
    assert outcomes(plan) == FINE
    assert "secret" not in repr(plan)


def test_this_machine_is_asked_only_where_that_is_allowed(serve: Serve) -> None:
    server = serve(good)
    for plan in (fu.plan(repository(server.host)), fu.plan(repository(server.host), fetch=by_urllib)):
        assert "127.0.0.1 is a loopback address" in outcomes(plan)["helm0"]["detail"]
    assert server.seen == []
    with pytest.raises(fu.FluxUpgradeError) as caught:
        fu.plan({}, allow_hosts=["10.0.0.0/80"])
    assert caught.value.code == "options.value"
    with pytest.raises(fu.FluxUpgradeError, match="timeout"):
        fu.plan({}, timeout=-1)


def by_urllib(request: fu.Request) -> fu.Response:
    """A client of a page over the standard library."""
    wanted = urllib.request.Request(
        request.url, method=request.method, headers=dict(request.headers), data=request.body or None
    )
    try:
        with urllib.request.urlopen(wanted, timeout=10) as response:
            body = response.read(request.max_body_bytes + 1)
            return fu.Response(response.status, response.headers.items(), body, response.url)
    except urllib.error.HTTPError as error:
        with error:
            return fu.Response(error.code, dict(error.headers), error.read())


def test_a_client_of_ones_own_carries_every_request(serve: Serve) -> None:
    fine, missing = serve(good), serve(lambda _: (404, {}, b""))
    files = repository(fine.host, missing.host)
    native = fu.plan(files, allow_hosts=["127.0.0.1"])
    asked: list[fu.Request] = []

    def fetch(request: fu.Request) -> fu.Response:
        asked.append(request)
        return by_urllib(request)

    plan = fu.plan(files, fetch=fetch, allow_hosts=["127.0.0.1"])
    assert plan == native
    assert outcomes(plan)["git1"]["kind"] == "notFound"
    assert {one.attach for one in asked} == {"nothing", "ifAny", "tokenService"}
    assert f"oci://{fine.host}/team/app" in {one.source for one in asked}

    async def later(request: fu.Request) -> fu.Response:
        return await asyncio.to_thread(by_urllib, request)

    assert asyncio.run(aio.plan(files, fetch=later, allow_hosts=["127.0.0.1"])) == native


def test_what_goes_wrong_in_a_client(serve: Serve) -> None:
    files = repository("registry.example.com")

    def down(_: fu.Request) -> fu.Response:
        raise ConnectionRefusedError("nobody there")

    plan = fu.plan(files, fetch=down)
    assert outcomes(plan)["git0"] == fu.Record({"kind": "unreachable", "detail": "nobody there"})
    large = fu.plan(files, fetch=lambda _: fu.Response(200, {}, b"#" * 101), max_index_bytes=100)
    assert outcomes(large)["helm0"] == fu.Record({"kind": "tooLarge", "limitBytes": 100})

    def mistaken(_: fu.Request) -> fu.Response:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fu.plan(files, fetch=mistaken)

    async def mistaken_later(_: fu.Request) -> fu.Response:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(aio.plan(files, fetch=mistaken_later))
    with pytest.raises(ValueError, match="pass one of them"):
        fu.plan(files, fetch=down, offline=True)


def test_other_threads_run_while_sources_are_asked(serve: Serve) -> None:
    def slow(handler: BaseHTTPRequestHandler) -> Reply:
        time.sleep(0.5)
        return good(handler)

    server = serve(slow)
    ticks: list[float] = []
    done = threading.Event()

    def tick() -> None:
        while not done.is_set():
            ticks.append(time.monotonic())
            time.sleep(0.01)

    thread = threading.Thread(target=tick)
    thread.start()
    started = time.monotonic()
    try:
        fu.plan(repository(server.host), allow_hosts=["127.0.0.1"])
    finally:
        ended = time.monotonic()
        done.set()
        thread.join()
    # A plan that kept the interpreter would leave no tick in between.
    assert sum(started < at < ended for at in ticks) > 5


def test_ctrl_c_ends_a_plan(serve: Serve) -> None:
    asked, done = threading.Event(), threading.Event()

    def silent(handler: BaseHTTPRequestHandler) -> Reply:
        asked.set()
        done.wait(20)
        return good(handler)

    server = serve(silent)

    def interrupt() -> None:
        asked.wait(20)
        _thread.interrupt_main()

    # A shell's background jobs ignore the signal, and so would this process.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=interrupt).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            fu.plan(repository(server.host), allow_hosts=["127.0.0.1"])
    finally:
        done.set()
        signal.signal(signal.SIGINT, before)
