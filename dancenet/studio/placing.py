"""Finds what takes long of a film's map, in a process of its own: `film_map` runs this, nobody imports it.

Standard input and output: .npz without pickles. In: `mean`, `center`, `scale`, `clip_starts`, `clip_lengths`,
`fps` as of `Latents`; `training`, `unseen` (S, 2), first frame and one past the last of the takes; `plane`,
which to draw, as text in bytes. Out: `plane` (N, 2), `move` (N,), `nearest` (M, J).
"""

import sys
from io import BytesIO

from dancenet.studio.apart import confine, refuse

MEMORY_BYTES, CPU_S = 8_000_000_000, 1800


def main() -> None:
    """Find it."""
    # UMAP keeps what it has compiled
    confine(memory_bytes=MEMORY_BYTES, cpu_s=CPU_S, writes=True)
    from dancenet.errors import DancenetError

    try:
        sys.stdout.buffer.write(_found(sys.stdin.buffer.read()))
    except DancenetError as error:
        refuse(error)


def _found(data: bytes) -> bytes:
    import numpy as np

    from dancenet.exploring.planes import plane
    from dancenet.exploring.ways import nearest_frames
    from dancenet.latents import Latents

    with np.load(BytesIO(data), allow_pickle=False) as stored:
        given = dict(stored)
    mean, none = given["mean"], np.zeros((0, *given["mean"].shape), "float32")
    latents = Latents(
        mean, none, none, none, given["center"], given["scale"], given["clip_starts"], given["clip_lengths"],
        given["fps"],
    )  # fmt: skip
    out = BytesIO()
    np.savez(
        out, plane=plane(mean, given["plane"].tobytes().decode()).astype("float32"),
        move=_moves(latents, given["training"], given["unseen"]), nearest=nearest_frames(latents),
    )  # fmt: skip
    return out.getvalue()


def _moves(latents, training, unseen):
    """(N,) uint16, number from 1 of the move danced in each frame, as `dancenet explore moves` numbers them.

    All 0 where there is too little film to learn moves from.
    """
    import numpy as np

    from dancenet.errors import DancenetError
    from dancenet.exploring.moves import Vocabulary

    mean, numbers = latents.mean, np.zeros(len(latents.mean), np.uint16)
    takes, others = ([mean[first:last] for first, last in spans] for spans in (training, unseen))
    try:
        vocabulary = Vocabulary.fit(takes, float(latents.fps), judged_by=others)
    except DancenetError:
        return numbers
    for clip in range(len(latents.clip_starts)):
        span = latents.span(clip)
        numbers[span] = vocabulary.words(mean[span]) + 1
    return numbers


if __name__ == "__main__":
    main()
