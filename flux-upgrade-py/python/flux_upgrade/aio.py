"""Plans over an asynchronous client: the same requests, awaited.

>>> import asyncio
>>> from flux_upgrade import Response, aio
>>> async def fetch(request):
...     return Response(status=404)
>>> asyncio.run(aio.plan({"a.yaml": "kind: ConfigMap"}, fetch=fetch)).changes
()
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from . import _request
from ._live import Conversation, Request, Response
from ._plan import Plan
from ._response import plan_of

AsyncFetch: TypeAlias = Callable[[Request], Awaitable[Response]]


async def plan(
    source: _request.StrPath | Mapping[str, str | bytes], *, fetch: AsyncFetch, concurrency: int = 8, **rules: Any
) -> Plan:
    """Plan as `flux_upgrade.plan` does with a `fetch` that is awaited; `rules` are the options of that function.

    At most `concurrency` requests wait at a time. An `OSError` of `fetch` says that there was no response; any other
    exception comes out unchanged. Cancelling the task cancels the requests.
    """
    request, skipped = _request.build(source, live=True, **rules)
    conversation = Conversation(request)
    room = asyncio.Semaphore(max(1, concurrency))

    async def talk(number: int, wanted: Request) -> None:
        following: Request | None = wanted
        while following is not None:
            outcome: Response | OSError
            async with room:
                try:
                    outcome = await fetch(following)
                except OSError as error:
                    outcome = error
            following = conversation.told(number, following, outcome)

    for batch in conversation.rounds():
        tasks = [asyncio.ensure_future(talk(number, wanted)) for number, wanted in batch]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
    return plan_of(conversation.finish(), skipped)
