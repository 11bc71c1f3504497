from typing import Final

__version__: Final[str]

def plan(request: str) -> str: ...
