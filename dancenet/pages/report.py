"""The evaluation of a run as one page that needs nothing beside it: videos, sheets, plots and tables.

No mathematics here: every number comes from `evaluate.evaluate`.
"""

import base64
import html
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dancenet.demo import draw_sheet
from dancenet.pages import plots
from dancenet.runs import Run, replacing, write_json

#: What each figure is, and where its definition comes from.
DEFINITIONS = {
    "motion": "mean step between frames at the measured rate",
    "jitter": "mean second difference over mean step: 0 glides, 2 goes back and forth",
    "frozen_seconds_share": "share of seconds with under 15% of the median real second's motion",
    "longest_frozen_run_s": "longest run of frozen seconds",
    "form": "mean distance to the nearest training frame",
    "drift": "form of the last third over that of the first",
    "coverage": "share of 64 k-means clusters of training frames that are visited",
    "self_repetition": "highest autocorrelation at lags of 1 to 8 s",
    "replay_s": "longest piece of a training take shown in its order, seconds",
    "frechet": "Fréchet distance of half-second windows to the training takes (Heusel et al. 2017, eq. 6)",
    "transition_entropy": "bits of surprise in which cluster follows which",
    "new_transitions": "share of changes of cluster that no training take has",
    "copying_z": "are dances nearer to training than unseen takes are? Z_U over blocks of 4 s "
    "(Meehan et al. 2020)",
    "half_sharpness": "gradient energy of pictures at half size, over that of unseen takes: less is blur",
    "sharpness": "the same at the pictures' own size, where grain counts as well",
    "limb_error": "mean departure of limbs from their length, as a share of it",
    "feet_slip_cm_s": "median speed of a standing foot seen from the other standing one, cm/s",
    "beats_met": "beat alignment of moments of rest (Li et al. 2021), at the films' tempo that fits best",
    "moves_recognised": "share of frames whose movement is one move of the dancer's grammar",
    "moves_danced": "share of the grammar's moves that are recognised",
}

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1200px; padding: 0 1rem }
h1, h2 { line-height: 1.2 } h2 { margin-top: 2.5rem }
table { border-collapse: collapse; width: 100%; font-size: 13px }
th, td { border-bottom: 1px solid #ddd; padding: .35rem .5rem; text-align: right; vertical-align: top }
th:first-child, td:first-child { text-align: left }
.holds { color: #17692f } .fails { color: #a51d2d; font-weight: 600 }
.caught { color: #17692f } .missed { color: #999 }
.dances { display: grid; grid-template-columns: repeat(auto-fit, minmax(260px, 1fr)); gap: 1rem }
.scroll { overflow-x: auto } video { width: 100% } img { max-width: 100% } small { color: #666 }
"""


def write_report(run: Run, found: dict[str, Any], videos: list[Path], folder: Path) -> Path:
    """Write `report.json`, a sheet beside each video, and `report.html` that holds all of it.

    Returns:
        the page.
    """
    for video in videos:
        draw_sheet(video, video.with_suffix(".png"), found["protocol"]["seconds"])
    write_json(folder / "report.json", found)
    page = folder / "report.html"
    with replacing(page) as part:
        part.write_text("\n".join(_page(run, found, videos)), encoding="utf-8")
    return page


def _page(run: Run, found: dict[str, Any], videos: list[Path]) -> Iterator[str]:
    title = html.escape(f"{run.path.name}: how its dances stand beside real dance")
    yield f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{title}</title>"
    yield f"<meta name='viewport' content='width=device-width'><style>{STYLE}</style><h1>{title}</h1>"
    yield f"<p>{_verdict(found['figures'])}</p>"
    yield "<h2>Dances</h2><div class='dances'>"
    for seed, video in enumerate(videos):
        yield f"<figure><video controls loop muted src='{_inline(video, 'video/mp4')}'></video>"
        yield f"<figcaption>seed {seed}</figcaption></figure>"
    yield "</div><details><summary>Contact sheets</summary>"
    yield from (f"<p><img alt='' src='{_inline(v.with_suffix('.png'), 'image/png')}'></p>" for v in videos)
    yield "</details><h2>Figures</h2>"
    yield "<p><small>Made: mean over seeds and its 95% confidence interval. Real: mean over unseen stretches "
    yield "of the same length, and their range. A trivial dancer is <span class='caught'>caught</span> where "
    yield f"it lies outside of that range, widened by half.{_narrow(found['protocol'])}</small></p>"
    yield "<div class='scroll'>"
    yield from _figures(found["figures"])
    yield "</div><h2>Copying</h2>" + _copying(found["copying"]) + "<h2>Over time</h2>"
    yield f"<img alt='motion, jitter, form, freezes per second' src='{plots.over_time(found)}'>"
    yield from _minutes(found["minutes"])
    yield "<h2>Self-repetition</h2><p>How much a dance is as it was so many seconds ago.</p>"
    yield f"<img alt='autocorrelation by lag' src='{plots.repetition(found)}'>"
    yield from _truth(found["truth"])
    yield "<h2>Prediction</h2>" + _prediction(found)
    yield "<h2>Pictures of unseen takes</h2><p>As the VAE draws them, and the empty room, which every figure "
    yield "that means anything ranks below.</p>"
    room = found["pictures_empty_room"]
    rows = [(name, value, room.get(name, "")) for name, value in found["pictures"].items()]
    yield _table(["figure", "drawn", "empty room"], rows)
    yield "<h2>Diversity</h2><p>Distance between dances of two seeds at the same moment, beside that between "
    yield "real stretches, and that between trivial dances of two seeds.</p>"
    said = {**found["diversity"], **found["diversity"]["trivial"]}
    del said["trivial"]
    yield _table(["", "distance"], said.items())
    yield "<h2>Protocol</h2>" + _table(["", ""], found["protocol"].items()) + "</html>"


def _narrow(protocol: dict[str, Any]) -> str:
    """What to say of ranges where dances are longer than all unseen film."""
    unseen_s = protocol["held_out_frames"] / protocol["measured_fps"]
    if protocol["seconds"] <= unseen_s:
        return ""
    return (
        f" These dances are longer than all {unseen_s:.0f} s of unseen film: real stretches of that length "
        "hold the same film each time and hardly differ, so that their range is narrow. The minutes below "
        "say more."
    )


def _verdict(figures: dict[str, Any]) -> str:
    sound = {name: row for name, row in figures.items() if row["evidence"]}
    held = [name for name, row in sound.items() if row["holds"]]
    wrong = [name for name, row in sound.items() if not row["holds"]]
    said = f"{len(held)} of {len(sound)} figures lie within the range of unseen real dance."
    if wrong:
        said += f" Outside: {', '.join(wrong)}."
    if mute := [name for name in figures if name not in sound]:
        said += f" No evidence on this film, as they miss a trivial dancer: {', '.join(mute)}."
    return html.escape(said)


def _figures(figures: dict[str, Any]) -> Iterator[str]:
    dancers = list(next(iter(figures.values()))["trivial"])
    against = "against" in next(iter(figures.values()))
    heads = ["figure", "made", *(["against"] if against else []), "real", "", *dancers]
    yield "<table><tr>" + "".join(f"<th>{html.escape(head)}</th>" for head in heads) + "</tr>"
    for name, row in figures.items():
        real, verdict = row["real"], "holds" if row["holds"] else "fails"
        word = verdict if row["evidence"] else "no evidence"
        cells = [f"<b>{name}</b><br><small>{DEFINITIONS[name]}</small>", _interval(row["made"])]
        cells += [_interval(row["against"])] if against else []
        cells += [
            f"{_short(real['mean'])}<br><small>{_short(real['low'])} to {_short(real['high'])}</small>",
            f"<span class='{verdict}'>{word}</span>",
        ]
        for dancer, value in row["trivial"].items():
            kind = "caught" if row["caught"][dancer] else "missed"
            cells.append(f"<span class='{kind}'>{_short(value)}</span>")
        yield "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
    caught = {dancer: sum(row["caught"][dancer] for row in figures.values()) for dancer in dancers}
    blank = "<td></td>" * (4 if against else 3)
    yield f"<tr><td>caught by so many figures</td>{blank}"
    yield "".join(f"<td>{caught[dancer]}</td>" for dancer in dancers) + "</tr></table>"


def _interval(row: dict[str, Any]) -> str:
    spread = "" if row["ci95"] is None else f" ± {_short(row['ci95'])}"
    return f"{_short(row['mean'])}{spread}"


def _short(value: float) -> str:
    """Three digits; what is nearly nothing is 0, and large numbers are whole."""
    if abs(value) < 5e-4:
        return "0"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _copying(found: dict[str, Any]) -> str:
    said = (
        "<p>Chance, if nothing is copied, that dances lie so near to the training takes beside unseen takes. "
        "A small p says copying. Unseen takes are tested half against half.</p>"
    )
    tested = {"all dances": found["made"]}
    tested |= {f"seed {seed}": one for seed, one in enumerate(found["each"])}
    tested |= {f"unseen halves {i + 1}": one for i, one in enumerate(found["real"])}
    tested |= found["trivial"]
    rows = [
        (name, one["z"], one["p"], f"{one['blocks']} beside {one['unseen_blocks']}")
        for name, one in tested.items()
    ]
    return said + _table(["", "Z_U", "p", "blocks of 4 s"], rows)


def _minutes(found: dict[str, Any] | None) -> Iterator[str]:
    yield "<h2>Minute by minute</h2>"
    if not found:
        yield "<p>Dances of two minutes or more are told minute by minute: --seconds 600.</p>"
        return
    yield "<p>Mean over seeds and its 95% confidence interval, beside unseen real stretches of a minute.</p>"
    yield "<div class='scroll'><table><tr><th>minute</th>"
    yield "".join(f"<th>{name}</th>" for name in found) + "</tr>"
    for minute in range(len(next(iter(found.values()))["made"])):
        yield f"<tr><td>{minute + 1}</td>"
        for row in found.values():
            verdict = "holds" if row["holds"][minute] else "fails"
            yield f"<td><span class='{verdict}'>{_interval(row['made'][minute])}</span></td>"
        yield "</tr>"
    yield (
        "<tr><td>all</td>" + "".join(f"<td>{_interval(row['all'])}</td>" for row in found.values()) + "</tr>"
    )
    reals = [row["real"] for row in found.values()]
    cells = [
        f"{_short(r['mean'])}<br><small>{_short(r['low'])} to {_short(r['high'])}</small>" for r in reals
    ]
    yield "<tr><td>real</td>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr></table></div>"


def _truth(found: dict[str, Any]) -> Iterator[str]:
    yield "<h2>Truth of the built-in dancer</h2>"
    if "absent" in found:
        yield f"<p>Not measured: {html.escape(found['absent'])}.</p>"
        return
    reading, error = found["reading"], found["reconstruction"]["joint_error_cm"]
    yield f"<p>Joints of reconstructed unseen takes are {error:.3g} cm from their true places, those of the "
    yield f"takes themselves {reading['joint_error_cm']:.3g} cm: so well can they be read from pictures. Of "
    yield f"true frames {reading['feet_right']:.0%} of feet ({reading['feet_standing']:.0%} stand) and "
    yield f"{reading['moves_right']:.0%} of moves are told rightly.</p><div class='scroll'>"
    yield from _figures(found["figures"])
    yield "</div>"


def _prediction(found: dict[str, Any]) -> str:
    nll = {name: value for name, value in found["likelihood"].items() if name.endswith("nll")}
    told = "<p>Negative log-likelihood of unseen takes, nats per dimension: "
    told += ", ".join(f"{name} {value:.3f}" for name, value in nll.items()) + ".</p>"
    if not found["prediction"]:
        return told
    names = list(next(iter(found["prediction"].values())))
    rows = [(f"{ahead} frames ahead", *row.values()) for ahead, row in found["prediction"].items()]
    return told + "<p>Root mean square error per dimension:</p>" + _table(["", *names], rows)


def _table(heads: list[str], rows: Any) -> str:
    lines = ["<table><tr>" + "".join(f"<th>{html.escape(head)}</th>" for head in heads) + "</tr>"]
    for row in rows:
        shown = (f"{cell:.4g}" if isinstance(cell, float) else html.escape(str(cell)) for cell in row)
        lines.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in shown) + "</tr>")
    return "".join(lines) + "</table>"


def _inline(path: Path, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
