"""A filmed dancer: what a real camera adds, and what `--silhouette` and `--fit follow` do about it.

The built-in dancer is put before a room with furniture, throws a soft shadow, and is filmed by hand: the
camera sways, the light flickers, the sensor is noisy, and the film is compressed hard. Its mask is known. The
film is then trained on as it is, held still, as silhouettes, and followed. Prints JSON lines: how well the
dancer is told from the room (overlap with the true mask), pictures, likelihood beside the baselines, and
dances of a minute beside unseen takes of the same film.

    python benchmarks/filmed.py --out out/filmed --minutes 4
"""

import argparse
import itertools
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from dance_figures import pictures, show, yardstick_of
from measuring import Bar, benchmark, dancenet, emit, say

from dancenet import dancer
from dancenet.config import DanceOptions, DancerOptions, FrameOptions
from dancenet.runs import Run, replacing
from dancenet.video import VideoWriter

#: Takes, the minutes of each, and of the film.
TAKES, MINUTES, SIZE, FPS = 6, 1.0, (416, 240), 30.0
#: The camera sways by so many pixels and turns by so many degrees (standard deviations), for so many seconds.
SWAY_PX, TURN_DEG, SWAY_S = 2.0, 0.25, 1.5
#: Light changes by such a share; noise of the sensor in levels of 255; H.264 quality of the film.
FLICKER, NOISE, CRF = 0.02, 5.0, 30
#: The shadow falls so far aside and down, shares of the height, as soft, and takes so much of the light.
SHADOW_AT, SHADOW_SOFT, SHADOW = (0.10, 0.05), 0.025, 0.35
#: Ways to take frames out of the film.
WAYS = {
    "as it is": ("--camera", "filmed"),
    "held still": (),
    "silhouette": ("--silhouette", "--foreground", "knn"),
    "follow": ("--fit", "follow", "--width", 96, "--height", 128),
    "silhouette, follow": (
        "--silhouette", "--foreground", "knn", "--fit", "follow", "--width", 96, "--height", 128,
    ),
}  # fmt: skip
DANCES, DANCE_S = 4, 60.0


def room(width: int, height: int) -> np.ndarray:
    """A room that is not white: papered wall, boards, a picture, a lamp, a sofa; float (H, W, 3)."""
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[0:height, 0:width].astype("float32")
    wall = np.stack([150 + 25 * np.cos(columns / width * 3), 142 + 0 * columns, 120 + 0 * columns], axis=-1)
    wall += 6 * (np.sin(columns * 0.45) > 0.6)[..., None]
    horizon = int(0.72 * height)
    boards = np.stack([118 - 30 * (rows - horizon) / height, 84 + 0 * rows, 58 + 0 * rows], axis=-1)
    boards += (10 * np.sin((columns - width / 2) / (1.5 + np.maximum(rows - horizon, 0) / 14)))[..., None]
    made = np.where((rows < horizon)[..., None], wall, boards)
    for colour, box in (
        ((70, 60, 56), (0, 0.70, 1, 0.725)), ((58, 84, 110), (0.08, 0.12, 0.26, 0.40)),
        ((196, 178, 110), (0.80, 0.10, 0.90, 0.26)), ((60, 52, 46), (0.845, 0.26, 0.855, 0.74)),
        ((104, 60, 66), (0.02, 0.55, 0.22, 0.80)),
    ):  # fmt: skip
        left, top, right, bottom = (
            round(side * size) for side, size in zip(box, (width, height) * 2, strict=True)
        )
        made[top:bottom, left:right] = colour
    grain = cv2.GaussianBlur(random.normal(size=(height, width, 3)).astype("float32"), (0, 0), 2.0)
    return (made + 14 * grain).astype("float32")


def swayed(count: int, sigma: float, random: np.random.Generator) -> np.ndarray:
    """(count,) a hand that wanders and comes back: an autoregression of the first order."""
    keep = np.exp(-1.0 / (SWAY_S * FPS))
    steps = sigma * np.sqrt(1 - keep**2) * random.standard_normal(count)
    made = np.zeros(count)
    for i in range(1, count):
        made[i] = keep * made[i - 1] + steps[i]
    return made


def filmed(options: DancerOptions) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Frames uint8 (H, W, 3) as a camera has them, and the dancer's mask in each, bool (H, W)."""
    choreography, random = dancer.danced(options), np.random.default_rng(options.seed)
    size = {"width": options.width, "height": options.height}
    both = zip(
        dancer.draw(choreography, **size), dancer.draw(choreography, silhouette=True, **size), strict=True
    )
    empty, count = room(options.width, options.height), len(choreography.joints_m)
    across, down, turn = (swayed(count, sigma, random) for sigma in (SWAY_PX, SWAY_PX, TURN_DEG))
    light = 1 + swayed(count, FLICKER, random)
    fall = np.float32([[1, 0, SHADOW_AT[0] * options.height], [0, 1, SHADOW_AT[1] * options.height]])
    for t, (colour, silhouette) in enumerate(both):
        alpha = 1 - silhouette[..., :1].astype("float32") / 255
        shadow = cv2.warpAffine(alpha[..., 0], fall, (options.width, options.height))
        shadow = cv2.GaussianBlur(shadow, (0, 0), SHADOW_SOFT * options.height)
        stage = empty * (1 - SHADOW * shadow[..., None])
        picture = light[t] * (alpha * colour + (1 - alpha) * stage)
        middle = (options.width / 2, options.height / 2)
        camera = cv2.getRotationMatrix2D(middle, turn[t], 1.0)
        camera[:, 2] += across[t], down[t]
        move = {"dsize": (options.width, options.height), "borderMode": cv2.BORDER_REPLICATE}
        picture = cv2.warpAffine(picture.astype("float32"), camera, **move)
        mask = cv2.warpAffine(alpha[..., 0], camera, dsize=move["dsize"]) > 0.5
        noisy = picture + NOISE * random.standard_normal(picture.shape)
        yield np.clip(np.rint(noisy), 0, 255).astype("uint8"), mask


def write_films(folder: Path) -> np.ndarray:
    """Write the takes that are not there yet; the true masks of the first, bool (T, H, W), at the rate of
    frames."""
    kept, each = folder.parent / "masks.npz", round(FPS / FrameOptions().fps)
    for number in range(TAKES):
        path, (width, height) = folder / f"take{number + 1}.mp4", SIZE
        options = DancerOptions(minutes=MINUTES, seed=number + 1, width=width, height=height, fps=FPS)
        if path.is_file() and (number or kept.is_file()):
            continue
        say(f"filming {path.name}")
        masks = []
        with VideoWriter(path, width=width, height=height, fps=FPS, crf=CRF) as writer:
            for t, (frame, mask) in enumerate(filmed(options)):
                writer.write(frame)
                if not number and t % each == 0:
                    masks.append(mask)
        if not number:
            with replacing(kept) as beside, open(beside, "wb") as file:
                np.savez_compressed(file, masks=np.stack(masks))
    with np.load(kept) as stored:
        return stored["masks"]


def measure_overlaps(film: Path, masks: np.ndarray) -> None:
    """How well silhouettes of the first take show its dancer, for each way to take them."""
    from dancenet.footage import camera
    from dancenet.frames import frames_like

    begun, (width, height) = time.perf_counter(), SIZE
    whole = FrameOptions(width=width, height=height, camera="filmed")
    packed = frames_like([film], whole)
    shaken = [camera.shake(packed.pixels[clip.start : clip.stop]) for clip in packed.clips]
    moves = [
        move
        for clip, of_clip in zip(packed.clips, shaken, strict=True)
        for move in ([None] * clip.length if of_clip is None else of_clip)
    ]
    found: dict[str, float] = {}
    for held, foreground in itertools.product(("filmed", "steady"), ("median", "knn")):
        options = replace(FrameOptions(), silhouette=True, camera=held, foreground=foreground)
        shown, each = frames_like([film], options).pixels, []
        for index, frame in enumerate(shown[: len(masks)]):
            mask = masks[index].astype("uint8")[..., None]
            if held == "steady" and moves[index] is not None:
                mask = camera.held(mask, moves[index])
            true = cv2.resize(mask, frame.shape[1::-1], interpolation=cv2.INTER_AREA) > 0
            made = frame.mean(axis=-1) < 128
            each.append((made & true).sum() / max(1, (made | true).sum()))
        found[f"{held}, {foreground}"] = round(float(np.mean(each)), 3)
    window = {"fit": "follow", "width": 96, "height": 128}
    heights = {
        f"{held}: dancer in the window that follows": [
            round(clip.crop["dancer_height"], 3)
            for clip in frames_like([film], FrameOptions(**window, camera=held)).clips
        ]
        for held in ("filmed", "steady")
    }
    emit("filmed: overlap of silhouettes with the true ones", max(found.values()), "of 1", **found, **heights,
         seconds=time.perf_counter() - begun, frames=len(masks))  # fmt: skip


def measure_way(name: str, run: Run, folder: Path) -> None:
    """Pictures, likelihood and dances of one trained run."""
    from dancenet.demo import draw_sheet
    from dancenet.evaluation.dance import ratios
    from dancenet.rendering import write_dance

    begun = time.perf_counter()
    vae, choreographer = run.read("vae"), run.read("choreographer")["figures"]
    sharpened = run.read("sharpen")
    sharp = sharpened["figures"]["after" if sharpened["kept"] else "before"]
    emit(
        f"filmed, {name}: foreground PSNR of unseen frames", vae["figures"]["foreground_psnr_db"], "dB",
        seconds=vae["seconds"], sharpening_kept=sharpened["kept"],
        sharpness=sharp["sharpness"], dance_sharpness=sharp["dance_sharpness"],
    )  # fmt: skip
    baseline = min(choreographer["copy_last_nll"], choreographer["linear_nll"])
    emit(
        f"filmed, {name}: NLL per dimension", choreographer["nll"], "nats", bar=Bar(high=baseline),
        seconds=0.0, copy_last_nll=choreographer["copy_last_nll"], linear_nll=choreographer["linear_nll"],
    )  # fmt: skip
    videos = write_dance(run, folder / f"{run.path.name}.mp4", DanceOptions(seconds=DANCE_S, takes=DANCES))
    for video in videos:
        draw_sheet(video, video.with_suffix(".png"), DANCE_S)
    measure = yardstick_of(run)
    dances = {video.name: measure.measure(pictures(video, measure.fps), fps=measure.fps) for video in videos}
    table = ratios(list(dances.values()), measure.real(seconds=MINUTES * 60, seeds=range(4)))
    show(dances, table)
    figures = ("motion", "jitter", "form", "drift", "coverage", "self_repetition", "frechet")
    emit(
        f"filmed, {name}: form of {DANCES} dances, of unseen takes", table["form"]["made"], "",
        ratio=table["form"]["ratio"], seconds=time.perf_counter() - begun,
        **{figure: table[figure]["ratio"] for figure in figures if figure != "form"},
        longest_frozen_run_s=table["longest_frozen_run_s"].get("worst"),
    )  # fmt: skip


def measure_all(chosen: argparse.Namespace) -> None:
    films = chosen.out / "films"
    masks = write_films(films)
    measure_overlaps(films / "take1.mp4", masks)
    for name in chosen.only or WAYS:
        run = Run(chosen.out / f"run-{name.replace(', ', '-').replace(' ', '-')}")
        dancenet("frames", films, "--run", run.path, *WAYS[name])
        say(f"{name}: training")
        dancenet("train", "all", "--run", run.path, "--minutes", chosen.minutes)
        measure_way(name, run, chosen.out)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("out/filmed"), help="films, runs and dances")
    parser.add_argument("--minutes", type=float, default=10.0, help="of VAE and choreographer each")
    parser.add_argument("--only", nargs="+", choices=WAYS, metavar="WAY", help=f"of {', '.join(WAYS)}")
    chosen = parser.parse_args(argv)
    return benchmark(lambda: measure_all(chosen))


if __name__ == "__main__":
    raise SystemExit(main())
