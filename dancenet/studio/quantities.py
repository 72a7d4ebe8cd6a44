"""Names, places, shares and times that messages of a client and the studio hold, with their bounds."""

from typing import Annotated

import msgspec

Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,60}\Z", description="letters, digits, - and _")]
Place = Annotated[str, msgspec.Meta(max_length=200, description="CLIP:SECOND, or the name of a saved pose")]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Amount = Annotated[float, msgspec.Meta(ge=-20, le=20)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=36_000)]
Frame = Annotated[int, msgspec.Meta(ge=0, le=10**9)]
Gesture = Annotated[
    int, msgspec.Meta(ge=0, le=2**53, description="one for what a hand does in one go, undone as one")
]
