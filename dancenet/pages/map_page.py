"""The map of a film's poses as a page that needs nothing beside it. No mathematics here.

Shape letters: N frames of the film, H height, W width, C channels.
"""

import html
import json
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from dancenet.exploring.planes import PLANES
from dancenet.exploring.pose_map import PoseMap
from dancenet.exploring.space import Space
from dancenet.pages.moves_page import colour, jpeg
from dancenet.runs import replacing

#: Height of the little pictures in pixels, and how many a page holds; of longer films every n-th is there.
THUMB, MOST_THUMBS = 60, 5000
#: A sheet of little pictures is no wider than this, pixels: browsers draw no larger ones.
WIDEST = 8000
#: Places in the plane are told in so many steps.
STEPS = 10_000

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{{TITLE}}</title>
<meta name="viewport" content="width=device-width"><style>
html, body { height: 100%; margin: 0; font: 14px/1.45 system-ui, sans-serif; color: #222 }
body { display: grid; grid-template-columns: 1fr 260px }
#plane { width: 100%; height: 100%; cursor: crosshair; touch-action: none; background: #fafafa }
aside { border-left: 1px solid #ddd; padding: .8rem; overflow: auto }
h1 { font-size: 1.05rem; margin: 0 0 .5rem }
label { display: block; margin: .3rem 0 } select { width: 100% } .dim { color: #666; font-size: 12px }
#shown { background: #eee; margin: .5rem 0; width: 230px } #moment { font-weight: 600; min-height: 1.4em }
#picked li { cursor: pointer } code { font-size: 12px; overflow-wrap: anywhere }
</style><canvas id="plane" aria-label="all poses of the film in the plane"></canvas><aside><h1>{{TITLE}}</h1>
<label>Plane <select id="how"></select></label>
<label>Colour <select id="by"><option value="clip">clip</option><option value="time">time in the clip</option>
<option value="word">move (word)</option><option value="energy">energy</option></select></label>
<label><input type="checkbox" id="thumbs" checked> pictures</label>
<canvas id="shown"></canvas><div id="moment"></div><div id="facts" class="dim"></div>
<p class="dim">Point: the frame, and a second of dance around it as a line. Click: pick the moment. Wheel:
zoom. Drag: move. Double click: all.</p><b>Picked</b><ol id="picked"></ol><code id="line"></code></aside>
<script>
const DATA = {{DATA}}, $ = id => document.getElementById(id);
const canvas = $('plane'), pen = canvas.getContext('2d');
const atlas = new Image(); atlas.onload = () => draw(); atlas.src = '{{ATLAS}}';
const N = DATA.clip.length, [tw, th] = DATA.thumb;
let view = { x: 0, y: 0, k: 1 }, over = -1, picks = [], at = [], drag = null;
for (const name in DATA.planes) $('how').add(new Option(DATA.names[name], name));
$('how').value = Object.keys(DATA.planes).pop();
const ramp = t => `hsl(${260 - 220 * t} 75% ${34 + 22 * t}%)`;
const wheel = i => DATA.colours[i % DATA.colours.length];
const tint = i => ({ clip: () => wheel(DATA.clip[i] + 1),
  word: () => DATA.word[i] ? wheel(DATA.word[i]) : '#bbb',
  time: () => ramp(DATA.step[i] / Math.max(1, DATA.lengths[DATA.clip[i]])),
  energy: () => ramp(DATA.energy[i] / 255) })[$('by').value]();
const name = i => DATA.clips[DATA.clip[i]] + ':' + +(DATA.step[i] / DATA.fps).toFixed(3);
function place() {
  const p = DATA.planes[$('how').value], w = canvas.width, h = canvas.height;
  const side = Math.min(w, h) * 0.94;
  at = new Float32Array(2 * N);
  for (let i = 0; i < N; i++) {
    at[2 * i] = (((p[2 * i] / {{STEPS}} - 0.5) * side) + view.x) * view.k + w / 2;
    at[2 * i + 1] = (((0.5 - p[2 * i + 1] / {{STEPS}}) * side) + view.y) * view.k + h / 2;
  }
}
function thumb(i, target, x, y, w, h) {
  const t = Math.min(DATA.thumbs - 1, Math.floor(i / DATA.every));
  target.drawImage(atlas, (t % DATA.columns) * tw, Math.floor(t / DATA.columns) * th, tw, th, x, y, w, h);
}
function draw() {
  const r = window.devicePixelRatio || 1, w = canvas.clientWidth * r, h = canvas.clientHeight * r;
  if (canvas.width != w || canvas.height != h) { canvas.width = w; canvas.height = h }
  place(); pen.clearRect(0, 0, w, h);
  const size = Math.max(1.6, Math.min(6, 2 * Math.sqrt(view.k))) * r;
  for (let i = 0; i < N; i++) {
    pen.fillStyle = tint(i); pen.fillRect(at[2 * i] - size / 2, at[2 * i + 1] - size / 2, size, size);
  }
  if ($('thumbs').checked && atlas.complete) {
    const taken = new Set(), cw = tw * 0.8 * r, ch = th * 0.8 * r;
    for (let j = 0; j < N; j++) {
      const i = (j * 7919) % N, x = at[2 * i], y = at[2 * i + 1];
      if (x < 0 || y < 0 || x > w || y > h) continue;
      const key = Math.floor(x / cw / 1.35) + ',' + Math.floor(y / ch / 1.35);
      if (taken.has(key)) continue;
      taken.add(key); thumb(i, pen, x - cw / 2, y - ch / 2, cw, ch);
      pen.strokeStyle = tint(i); pen.lineWidth = 2 * r; pen.strokeRect(x - cw / 2, y - ch / 2, cw, ch);
    }
  }
  if (over >= 0) {
    pen.strokeStyle = '#000'; pen.lineWidth = 1.5 * r; pen.beginPath();
    const reach = Math.round(DATA.fps);
    for (let i = Math.max(0, over - reach); i <= Math.min(N - 1, over + reach); i++)
      if (DATA.clip[i] == DATA.clip[over]) pen.lineTo(at[2 * i], at[2 * i + 1]);
    pen.stroke();
  }
  [...picks, over].filter(i => i >= 0).forEach(i => { pen.strokeStyle = '#000'; pen.lineWidth = 2 * r;
    pen.beginPath(); pen.arc(at[2 * i], at[2 * i + 1], 6 * r, 0, 7); pen.stroke() });
}
function nearest(event) {
  const r = window.devicePixelRatio || 1, box = canvas.getBoundingClientRect();
  const x = (event.clientX - box.left) * r, y = (event.clientY - box.top) * r;
  let best = -1, least = (24 * r) ** 2;
  for (let i = 0; i < N; i++) {
    const d = (at[2 * i] - x) ** 2 + (at[2 * i + 1] - y) ** 2; if (d < least) { least = d; best = i }
  }
  return best;
}
function show(i) {
  over = i; draw(); if (i < 0) return;
  const big = $('shown'); big.width = tw * 4; big.height = th * 4;
  thumb(i, big.getContext('2d'), 0, 0, tw * 4, th * 4);
  $('moment').textContent = name(i);
  $('facts').textContent = `move ${DATA.word[i]} · energy ${(DATA.energy[i] / 2.55).toFixed(0)} of 100`;
}
function list() {
  $('picked').innerHTML = ''; picks.forEach(i => { const li = document.createElement('li');
    li.textContent = name(i); li.title = 'click to drop'; $('picked').append(li);
    li.onclick = () => { picks = picks.filter(p => p != i); list(); draw() } });
  $('line').textContent = picks.length ? picks.map(name).join(' ') : '';
  if (picks.length && navigator.clipboard)
    navigator.clipboard.writeText($('line').textContent).catch(() => {});
}
canvas.addEventListener('pointerdown', e =>
  drag = { x: e.clientX, y: e.clientY, vx: view.x, vy: view.y, far: 0 });
canvas.addEventListener('pointermove', e => {
  if (!drag) return show(nearest(e));
  const r = window.devicePixelRatio || 1, dx = e.clientX - drag.x, dy = e.clientY - drag.y;
  drag.far = Math.max(drag.far, Math.hypot(dx, dy));
  view.x = drag.vx + dx * r / view.k; view.y = drag.vy + dy * r / view.k; draw();
});
window.addEventListener('pointerup', e => {
  const i = drag && drag.far < 4 ? nearest(e) : -1;
  if (i >= 0 && !picks.includes(i)) { picks.push(i); list(); show(i) }
  drag = null;
});
canvas.addEventListener('wheel', e => { e.preventDefault();
  const r = window.devicePixelRatio || 1, box = canvas.getBoundingClientRect();
  const x = (e.clientX - box.left) * r - canvas.width / 2, y = (e.clientY - box.top) * r - canvas.height / 2;
  const k = Math.min(60, Math.max(0.5, view.k * Math.exp(-e.deltaY * 0.0015)));
  view.x += x / k - x / view.k; view.y += y / k - y / view.k; view.k = k; draw();
}, { passive: false });
canvas.addEventListener('dblclick', () => { view = { x: 0, y: 0, k: 1 }; draw() });
['how', 'by', 'thumbs'].forEach(id => $(id).addEventListener('change', draw));
window.addEventListener('resize', draw); draw();
</script></html>
"""


def thumbs_of(pixels: np.ndarray, every: int, height: int) -> np.ndarray:
    """Every n-th frame (N, H, W, C), small: (M, height, width, C)."""
    width = max(1, round(height * pixels.shape[2] / pixels.shape[1]))
    small = [
        cv2.resize(np.ascontiguousarray(pixels[at]), (width, height), interpolation=cv2.INTER_AREA)
        for at in range(0, len(pixels), every)
    ]
    return np.stack(small).reshape(len(small), height, width, -1)


def tiled(thumbs: np.ndarray, columns: int) -> np.ndarray:
    """Little pictures (M, h, w, C) side by side in reading order, without gaps."""
    count, height, width, channels = thumbs.shape
    rows = -(-count // columns)
    sheet = np.zeros((rows * columns, height, width, channels), np.uint8)
    sheet[:count] = thumbs
    grid = sheet.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    return grid.reshape(rows * height, columns * width, channels)


def write_page(space: Space, found: PoseMap, path: Path) -> Path:
    """The map as one HTML file: every pose a point, its picture and its moment where one points."""
    every = -(-len(found) // MOST_THUMBS)
    thumbs = thumbs_of(space.packed.pixels, every, THUMB)
    columns = min(math.ceil(math.sqrt(len(thumbs))), WIDEST // thumbs.shape[2])
    data: dict[str, Any] = {
        "planes": {how: _steps(points) for how, points in found.planes.items()},
        "names": PLANES, "clips": [clip.name for clip in space.packed.clips],
        "lengths": [clip.length for clip in space.packed.clips], "fps": space.packed.fps,
        "clip": found.clip.tolist(), "word": found.word.tolist(),
        "step": np.rint(found.time_s * space.packed.fps).astype(int).tolist(),
        "energy": _bytes(found.energy), "every": every, "thumbs": len(thumbs), "columns": columns,
        "thumb": [thumbs.shape[2], thumbs.shape[1]], "colours": [colour(number) for number in range(1, 97)],
    }  # fmt: skip
    title = html.escape(f"{Path(space.origin.run).name}: {len(found)} poses")
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    filled = {"TITLE": title, "STEPS": str(STEPS), "ATLAS": jpeg(tiled(thumbs, columns), 72), "DATA": text}
    page = PAGE
    for name, content in filled.items():
        page = page.replace("{{" + name + "}}", content)
    with replacing(path) as part:
        part.write_text(page, encoding="utf-8")
    return path


def _steps(points: np.ndarray) -> list[int]:
    """(N, 2) as whole numbers 0 to STEPS, x then y, one scale for both."""
    low, high = points.min(axis=0), points.max(axis=0)
    span = max(float((high - low).max()), 1e-9)
    return np.rint(((points - (low + high) / 2) / span + 0.5) * STEPS).astype(int).ravel().tolist()


def _bytes(values: np.ndarray) -> list[int]:
    """(N,) as whole numbers 0 to 255, the highest hundredth at 255."""
    return (
        np.clip(np.rint(255 * values / max(float(np.quantile(values, 0.99)), 1e-9)), 0, 255)
        .astype(int)
        .tolist()
    )
