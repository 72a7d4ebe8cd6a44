"""The map of a film's poses as a picture, and as files for TensorBoard's projector. No mathematics here.

Shape letters: N frames of the film, H height, W width, C channels.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np

from dancenet.exploring.planes import PLANES
from dancenet.exploring.pose_map import PoseMap
from dancenet.exploring.space import Space
from dancenet.media.pictures import write_image
from dancenet.pages.map_page import thumbs_of, tiled
from dancenet.pages.moves_page import colour
from dancenet.runs import replacing

#: Pictures on the large plane lie in a grid of so many cells a side, one in each.
CELLS = 22
#: The projector draws a sprite of at most so many pixels a side.
WIDEST_SPRITE, SPRITE = 8192, 64


def write_sheet(space: Space, found: PoseMap, path: Path) -> Path:
    """One picture: the plane with pictures in it, and four times as points, by clip, time, move, energy."""
    from matplotlib.figure import Figure

    how, points = list(found.planes.items())[-1]
    figure = Figure(figsize=(20, 12.5), layout="constrained")
    large, *small = _axes(figure)
    large.scatter(*points.T, s=2, c="#bbb", linewidths=0)
    _pictures(large, space, points)
    large.set_title(f"{Path(space.origin.run).name}: {len(found)} poses, {PLANES[how]}")
    moves = np.array(["#bbb", *(colour(number) for number in range(1, int(found.word.max()) + 1))])
    clips = np.array([colour(number + 1) for number in range(int(found.clip.max()) + 1)])
    energy = np.minimum(found.energy, np.quantile(found.energy, 0.99))
    for axis, title, tints in zip(
        small, ("clip", "time in the clip", "move (word)", "energy"),
        (clips[found.clip], found.time_s, moves[found.word], energy), strict=True,
    ):  # fmt: skip
        shades = {} if tints.dtype.kind == "U" else {"cmap": "plasma"}
        axis.scatter(*points.T, s=2, c=tints, linewidths=0, **shades)
        axis.set_title(title)
    with replacing(path) as part:
        figure.savefig(part, format="png", dpi=90)
    return path


def _axes(figure: Any) -> list[Any]:
    """A large plot on the left, four small ones on the right, all without frames."""
    names = [["large", "large", "a", "b"], ["large", "large", "c", "d"]]
    axes = list(figure.subplot_mosaic(names).values())
    for axis in axes:
        axis.set_aspect("equal", adjustable="datalim")
        axis.set_axis_off()
    return axes


def _pictures(axis: Any, space: Space, points: np.ndarray) -> None:
    """A little picture in every cell of the plane in which a pose lies, of the one nearest to its middle."""
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    low, high = points.min(axis=0), points.max(axis=0)
    side = max(float((high - low).max()), 1e-9) / CELLS
    cells: dict[tuple[int, int], tuple[float, int]] = {}
    for frame, point in enumerate(points):
        place = np.floor((point - low) / side)
        far = float(np.abs(point - low - (place + 0.5) * side).max())
        key = (int(place[0]), int(place[1]))
        cells[key] = min(cells.get(key, (np.inf, 0)), (far, frame))
    height, width = space.packed.height, space.packed.width
    for _, frame in cells.values():
        picture = space.packed.pixels[frame]
        shown = picture if picture.shape[-1] == 3 else np.repeat(picture, 3, axis=-1)
        box = AnnotationBbox(OffsetImage(shown, zoom=30 / max(height, width)), points[frame], frameon=False)
        axis.add_artist(box)


def write_projector(space: Space, found: PoseMap, folder: Path) -> Path:
    """Latents, what is known of each, and little pictures, as TensorBoard's projector reads them.

    TensorBoard opened on the folder shows them, or https://projector.tensorflow.org with both .tsv files.
    """
    columns = math.ceil(math.sqrt(len(found)))
    height = min(SPRITE, WIDEST_SPRITE // columns)
    while height > 1 and columns * round(height * space.packed.width / space.packed.height) > WIDEST_SPRITE:
        height -= 1
    thumbs = thumbs_of(space.packed.pixels, 1, height)
    write_image(tiled(thumbs, columns), folder / "sprite.png")
    with replacing(folder / "tensors.tsv") as part:
        np.savetxt(part, space.latents.mean, fmt="%.5g", delimiter="\t")
    rows = ["moment\tclip\tsecond\tmove\tenergy"]
    for frame in range(len(found)):
        clip = space.packed.clips[int(found.clip[frame])].name
        rows.append(
            f"{space.moment(frame)}\t{clip}\t{found.time_s[frame]:.3f}\t{found.word[frame]}"
            f"\t{found.energy[frame]:.4g}"
        )
    with replacing(folder / "metadata.tsv") as part:
        part.write_text("\n".join(rows) + "\n", encoding="utf-8")
    with replacing(folder / "projector_config.pbtxt") as part:
        part.write_text(
            'embeddings {\n  tensor_name: "poses"\n  tensor_path: "tensors.tsv"\n'
            '  metadata_path: "metadata.tsv"\n  sprite {\n    image_path: "sprite.png"\n'
            f"    single_image_dim: {thumbs.shape[2]}\n    single_image_dim: {thumbs.shape[1]}\n  }}\n}}\n",
            encoding="utf-8",
        )
    return folder
