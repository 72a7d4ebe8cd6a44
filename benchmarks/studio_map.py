"""The studio's map with many poses: until it can be used, how it moves, and how soon a way is found.

    python benchmarks/studio_map.py --run runs/salsa
    python benchmarks/studio_map.py --run runs/salsa --poses 20000 --browser /usr/bin/chromium

The run's film is shown again and again, its latents a little apart each time, until there are so many poses.
A headless browser draws without a graphics card here: with one it is faster.
"""

import argparse
import dataclasses
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from measuring import Bar, benchmark, emit, say, skipped

from dancenet.runs import Run

#: Moved so many times for each figure.
MOVES = 90
#: Goes around while the browser counts what time passes between its frames.
MOVING = """async ([zoom, moves]) => {
    const { view, paint, map } = dancenet.map;
    view.whole();
    view.zoomBy(zoom, ...view.screen(map.order[0]));
    const frame = () => new Promise(requestAnimationFrame), took = [], gaps = [];
    for (let warm = 0; warm < 40; warm++) { view.pan(Math.cos(warm / 6) * 8, 0); paint(); await frame(); }
    await new Promise((done) => setTimeout(done, 1500));
    let before = await frame();
    for (let move = 0; move < moves; move++) {
        view.pan(Math.cos(move / 10) * 8, Math.sin(move / 10) * 8);
        paint();
        const now = await frame();
        gaps.push(now - before);
        before = now;
        took.push(dancenet.map.took_ms);
    }
    const sorted = (list) => list.sort((one, other) => one - other);
    const [gap, took_ms] = [sorted(gaps), sorted(took)];
    return { gap: gap[moves >> 1], worst: gap[Math.floor(moves * 0.95)], took: took_ms[moves >> 1] };
}"""


class _Again:
    """Frames of a film, the same again and again: (N, H, W, C) without the memory."""

    def __init__(self, pixels: np.ndarray, count: int):
        self._pixels, self.shape, self.dtype = pixels, (count, *pixels.shape[1:]), pixels.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, frame: int) -> np.ndarray:
        return self._pixels[frame % len(self._pixels)]


def grown(trained, count: int):
    """A run's models with so many poses."""
    packed, latents = trained.packed, trained.latents
    times = -(-count // len(packed))
    clips = [
        dataclasses.replace(clip, name=f"{clip.name}-{again}", start=clip.start + again * len(packed))
        for again in range(times)
        for clip in packed.clips
    ]
    clips = [clip for clip in clips if clip.stop <= count]
    count = clips[-1].stop
    random = np.random.default_rng(0)
    mean = np.concatenate([latents.mean] * times)[:count]
    mean = mean + (0.2 * latents.scale * random.standard_normal(mean.shape)).astype("float32")
    more = dataclasses.replace(
        latents, mean=mean, clip_starts=np.array([clip.start for clip in clips]),
        clip_lengths=np.array([clip.length for clip in clips]),
    )  # fmt: skip
    film = dataclasses.replace(packed, pixels=_Again(packed.pixels, count), clips=tuple(clips))
    return dataclasses.replace(trained, packed=film, latents=more)


def measured(run: Run, count: int, browser: str) -> None:
    """Serve a run of so many poses, and look at it."""
    import uvicorn
    from playwright.sync_api import sync_playwright

    from dancenet.studio import hands, performer
    from dancenet.studio.app import studio_app
    from dancenet.studio.engine import Engine

    begun, usual = time.perf_counter(), performer.load
    loaded = usual(run)
    more = grown(loaded.trained, count)
    loaded.trained = more
    performer.load = lambda _: loaded
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine({"many": run}, Path(folder))
        dancer = performer.Performer(run, Path(folder))
        engine._performers["many"] = dancer
        engine.start()
        server = uvicorn.Server(
            uvicorn.Config(studio_app(engine), port=8399, log_level="warning", lifespan="off")
        )
        threading.Thread(target=server.run, daemon=True).start()
        try:
            first_s = time.perf_counter()
            dancer.map.place()
            placed_s = time.perf_counter() - first_s
            first_s = time.perf_counter()
            dancer.map.graph()
            graph_s = time.perf_counter() - first_s
            frames = np.linspace(0, len(more.packed) - 1, 12).astype(int)
            first_s = time.perf_counter()
            hands.along(dancer.map.graph(), more.latents.mean[frames])
            way_s = time.perf_counter() - first_s
            with sync_playwright() as playwright:
                opened = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
                page = opened.new_page(viewport={"width": 1400, "height": 950})
                page.goto("http://127.0.0.1:8399/")
                while not page.evaluate("performance.getEntriesByName('map').length"):
                    time.sleep(0.02)
                usable_ms = page.evaluate("performance.getEntriesByName('map')[0].startTime")
                time.sleep(3)
                moved = {zoom: page.evaluate(MOVING, [zoom, MOVES]) for zoom in (1, 8, 40)}
                opened.close()
        finally:
            server.should_exit = True
            engine.stop()
            performer.load = usual
    lasted_s = time.perf_counter() - begun
    poses = len(more.packed)
    emit(
        f"map of {poses} poses: until it can be used",
        usable_ms / 1000,
        "s",
        bar=Bar(high=2.0),
        seconds=lasted_s,
    )
    for zoom, figures in moved.items():
        emit(
            f"map of {poses} poses: between two frames of moving it, {zoom} times enlarged",
            figures["gap"], "ms", worst_of_20=figures["worst"], drawing_ms=figures["took"],
            seconds=lasted_s,
        )  # fmt: skip
    emit(f"map of {poses} poses: a way through 12 of them", way_s, "s", seconds=lasted_s, graph_s=graph_s,
         plane_and_moves_s=placed_s)  # fmt: skip


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--poses", type=int, nargs="+", default=[20_000, 50_000])
    parser.add_argument("--browser", default="/usr/bin/chromium")
    given = parser.parse_args()
    if not Path(given.browser).exists():
        skipped("the map in a browser", f"there is no {given.browser}")
        return
    for count in given.poses:
        say(f"{count} poses")
        measured(Run(given.run), count, given.browser)


if __name__ == "__main__":
    raise SystemExit(benchmark(main))
