"""A dancer's vocabulary as a page that needs nothing beside it, as a sheet, and as JSON. No mathematics here.

Shape letters: P pictures of a strip, H height, W width, C channels.
"""

import base64
import colorsys
import html
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from dancenet.exploring.repertoire import Repertoire, Word
from dancenet.exploring.space import Space
from dancenet.media.pictures import contact_sheet
from dancenet.runs import provenance, replacing, write_json

#: Height of the strips' pictures, pixels; the sheet shows so many of each.
HEIGHT, SHOWN = 112, 10
#: Followers less frequent than this have no arrow.
LEAST_ARROW = 0.12
#: Side of the transition graph, and the radius of its circle.
SIDE, RADIUS = 760, 310

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1200px; padding: 0 1rem }
h1, h2 { line-height: 1.2 } small, .dim { color: #666 }
.words { display: grid; grid-template-columns: repeat(auto-fill, minmax(190px, 1fr)); gap: 1rem }
.word { border: 1px solid #ddd; border-top: 6px solid; border-radius: 6px; padding: .5rem; font-size: 13px }
.word.near { background: #f1f1f1 }
.strip { margin: 0 auto .4rem; background-repeat: no-repeat }
button { font: inherit; border: 0; background: none; color: #0645ad; cursor: pointer; padding: 0 }
svg { max-width: 100%; height: auto } svg text { font: 12px system-ui, sans-serif }
.arrow { stroke: #555; fill: none } .arrow.dim { opacity: .04 } .band { cursor: pointer }
.score { font: 12px ui-monospace, monospace } .clip { display: block; margin: .15rem 0 }
"""

SCRIPT = """
const show = n => document.querySelectorAll('.arrow').forEach(a => a.classList.toggle('dim',
    n && a.dataset.from != n && a.dataset.to != n));
const near = n => document.querySelectorAll('.word').forEach(
    w => w.classList.toggle('near', w.dataset.n == n));
document.querySelectorAll('[data-n]').forEach(e => {
  e.addEventListener('mouseenter', () => { show(e.dataset.n); near(e.dataset.n) });
  e.addEventListener('mouseleave', () => { show(null); near(null) });
});
document.querySelectorAll('[data-moment]').forEach(e => e.addEventListener('click', () => {
  navigator.clipboard && navigator.clipboard.writeText(e.dataset.moment);
  document.getElementById('said').textContent = e.dataset.moment + ' (copied)';
}));
"""


def write_moves(space: Space, found: Repertoire, scores: dict[str, list[float]], folder: Path) -> list[Path]:
    """`moves.html`, `moves.png` and `moves.json` in `folder`.

    Args:
        scores: by name of a dance, how usual each of its seconds is, 0 to 1.

    Returns:
        the three.
    """
    strips = [_strip(space, word) for word in found.words]
    shown = [strip[np.linspace(0, len(strip) - 1, SHOWN).astype(int)] for strip in strips]
    page, sheet, told = (folder / f"moves{ending}" for ending in (".html", ".png", ".json"))
    labels = [
        f"word {word.number} {word.moment}" if i == 0 else "" for word in found.words for i in range(SHOWN)
    ]
    contact_sheet(np.concatenate(shown), sheet, columns=SHOWN, labels=labels)
    content = {**found.told(space), "normality": scores, "belongs_to": vars(space.origin)}
    write_json(told, {"kind": "moves", **content, "provenance": provenance()})
    with replacing(page) as part:
        part.write_text("\n".join(_page(space, found, strips, scores)), encoding="utf-8")
    return [page, sheet, told]


def _strip(space: Space, word: Word) -> np.ndarray:
    """(P, H, W, C) frames of the film that show a word."""
    frames = space.packed.pixels[word.first : word.last]
    height, width = HEIGHT, max(1, round(HEIGHT * frames.shape[2] / frames.shape[1]))
    small = [cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA) for frame in frames]
    return np.stack(small).reshape(len(small), height, width, -1)


def colour(number: int) -> str:
    """A colour of its own for each word, from 1; neighbours differ much (golden ratio)."""
    red, green, blue = colorsys.hls_to_rgb(number * 0.618034 % 1, 0.42 + 0.16 * (number % 3) / 2, 0.6)
    return f"#{round(255 * red):02x}{round(255 * green):02x}{round(255 * blue):02x}"


def jpeg(picture: np.ndarray, quality: int = 80) -> str:
    """A picture (H, W, C) as a data URI."""
    if picture.shape[-1] == 3:
        picture = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    data = cv2.imencode(".jpg", np.ascontiguousarray(picture), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}"


def _page(
    space: Space, found: Repertoire, strips: list[np.ndarray], scores: dict[str, list[float]]
) -> Iterator[str]:
    title = html.escape(f"{Path(space.origin.run).name}: the dancer's vocabulary")
    yield f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{title}</title>"
    yield f"<meta name='viewport' content='width=device-width'><style>{STYLE}</style><h1>{title}</h1>"
    phrases = sum(map(len, found.phrases))
    mean_s = len(space.packed) / space.packed.fps / max(1, phrases)
    yield f"<p>{len(found.words)} words in {phrases} phrases of {mean_s:.1f} s on average. "
    yield "Point at a word to see what it follows and what follows it; click a moment to copy its name. "
    yield "<b id='said' class='dim'></b></p><div class='words'>"
    for word, strip in zip(found.words, strips, strict=True):
        yield from _word(word, strip, space.packed.fps)
    yield "</div><h2>What follows what</h2><p class='dim'>Arrows: clockwise bend, thicker is more frequent; "
    yield f"shown from {LEAST_ARROW:.0%} of a word's followers on.</p>"
    yield from _graph(found)
    yield "<h2>The film, phrase by phrase</h2>"
    yield from _bands(space, found)
    if scores:
        yield "<h2>How usual each second is</h2><p class='dim'>The share of real seconds, of unseen takes, "
        yield "that are less usual: about 50% on average for a real dance.</p>"
        for name, values in scores.items():
            yield _score(name, values)
    yield f"<script>{SCRIPT}</script></html>"


def _word(word: Word, strip: np.ndarray, fps: float) -> Iterator[str]:
    height, width = strip.shape[1:3]
    wide, lasts_s = width * len(strip), len(strip) / fps
    yield f"<div class='word' data-n='{word.number}' style='border-top-color:{colour(word.number)}'>"
    yield f"<style>@keyframes w{word.number} {{ to {{ background-position-x: -{wide}px }} }}</style>"
    sprite = jpeg(np.concatenate(list(strip), axis=1))
    yield f"<div class='strip' style=\"width:{width}px;height:{height}px;animation:w{word.number} "
    yield f'{lasts_s:.2f}s steps({len(strip)}) infinite;background-image:url({sprite})"></div>'
    yield f"<b>word {word.number}</b> · {word.share:.1%} · {word.times} times<br>"
    moment = html.escape(word.moment)
    yield f"<button data-moment='{moment}'>{moment}</button><br><small>then "
    yield ", ".join(f"{number} ({share:.0%})" for number, share in word.followed_by) or "nothing"
    yield "</small></div>"


def _graph(found: Repertoire) -> Iterator[str]:
    """Words on a circle, arrows to their followers."""
    middle, count = SIDE / 2, len(found.words)
    turns = [2 * math.pi * i / count for i in range(count)]
    places = {
        word.number: (middle + RADIUS * math.sin(turn), middle - RADIUS * math.cos(turn))
        for word, turn in zip(found.words, turns, strict=True)
    }
    yield f"<svg viewBox='0 0 {SIDE} {SIDE}' width='{SIDE}' role='img' aria-label='transition graph'>"
    yield "<defs><marker id='tip' viewBox='0 0 6 6' refX='6' refY='3' markerWidth='5' markerHeight='5' "
    yield "orient='auto'><path d='M0 0 6 3 0 6z' fill='#555'/></marker></defs>"
    for word in found.words:
        x, y = places[word.number]
        for number, share in word.followed_by:
            if share < LEAST_ARROW or number == word.number:
                continue
            to_x, to_y = places[number]
            bent_x, bent_y = (x + to_x) / 2 + (to_y - y) * 0.18, (y + to_y) / 2 - (to_x - x) * 0.18
            yield f"<path class='arrow' data-from='{word.number}' data-to='{number}' marker-end='url(#tip)' "
            yield f"d='M{x:.0f} {y:.0f}Q{bent_x:.0f} {bent_y:.0f} {to_x:.0f} {to_y:.0f}' "
            yield f"stroke-width='{0.5 + 5 * share:.1f}' opacity='{min(1, 0.25 + share):.2f}'/>"
    for word in found.words:
        x, y = places[word.number]
        out_x, out_y = middle + (x - middle) * 1.11, middle + (y - middle) * 1.11
        yield f"<circle data-n='{word.number}' cx='{x:.0f}' cy='{y:.0f}' r='{5 + 60 * word.share**0.7:.1f}' "
        yield f"fill='{colour(word.number)}'/>"
        yield f"<text x='{out_x:.0f}' y='{out_y + 4:.0f}' text-anchor='middle'>{word.number}</text>"
    yield "</svg>"


def _bands(space: Space, found: Repertoire) -> Iterator[str]:
    """Every clip as a band of its phrases."""
    longest = max(clip.length for clip in space.packed.clips)
    for clip, phrases in zip(space.packed.clips, found.phrases, strict=True):
        yield f"<svg class='clip' viewBox='0 0 1200 20' width='1200'><title>{html.escape(clip.name)}</title>"
        for phrase in phrases:
            x, wide = 110 + 1085 * phrase.start / longest, 1085 * (phrase.stop - phrase.start) / longest
            moment = html.escape(space.moment(clip.start + phrase.start))
            yield f"<rect class='band' data-n='{phrase.word + 1}' data-moment='{moment}' x='{x:.1f}' y='1' "
            yield f"width='{max(wide - 0.6, 0.6):.1f}' height='18' fill='{colour(phrase.word + 1)}'>"
            yield f"<title>{moment}: word {phrase.word + 1}</title></rect>"
        yield f"<text x='0' y='14'>{html.escape(clip.name)}</text></svg>"


def _score(name: str, values: list[float]) -> str:
    """A bar for every second of a dance."""
    bars = "".join(
        f"<rect x='{i * 8}' y='{60 - 60 * value:.1f}' width='7' height='{60 * value + 1:.1f}' fill='#3b6ea5'>"
        f"<title>second {i}: {value:.0%}</title></rect>"
        for i, value in enumerate(values)
    )
    mean = f"{np.mean(values):.0%}" if values else "too short to tell"
    wide = max(8 * len(values), 8)
    return f"<p>{html.escape(name)}: {mean}</p><svg viewBox='0 0 {wide} 61' width='{wide}'>{bars}</svg>"


def as_scores(values: Any) -> list[float]:
    """Shares (S,) to three digits, as plain numbers."""
    return [round(float(value), 3) for value in values]
