"""Work that takes long, as hands ask for it; `jobs` sees to it that it is done."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Later:
    """Work that takes long.

    Attributes:
        what: is done, for the page.
        work: is called in another thread; it may tell its progress, and changes nothing of the session.
        then: is called with what `work` gave, in the session's thread; what it gives is the answer.
        apart: whether it mostly waits for another process, and so holds up no other work.
        stop: called, from any thread, when it is no longer wanted, besides what telling its progress does.
        about: is told with its progress.
    """

    what: str
    work: Callable[[Callable[[str, float, float], None]], Any]
    then: Callable[[Any], dict[str, Any]]
    apart: bool = False
    stop: Callable[[], None] = lambda: None
    about: dict[str, Any] = field(default_factory=dict)
