"""What is in a run, as data, as text and as the lines that end a stage."""

import json
from pathlib import Path
from typing import Any

from dancenet.console import Console, duration
from dancenet.runs import STAGES, Run

#: Figures that only steer training.
_INNER = ("score",)


def summarise(run: Run) -> dict[str, Any]:
    """Everything that `dancenet info` shows.

    Raises:
        DancenetError: there is no run, or it was made by a newer version, or a file is damaged.
    """
    from dancenet.frames import load_frames, takes_for_validation

    contents = {stage: run.read(stage) for stage in STAGES if run.has(stage) or stage == "frames"}
    packed = load_frames(run)
    validating = takes_for_validation(packed.clips)
    stale = _stale(contents)
    return {
        "run": str(run.path),
        "frames": len(packed), "width": packed.width, "height": packed.height, "channels": packed.channels,
        "fps": packed.fps, "duration_s": len(packed) / packed.fps, "dancers": list(packed.dancers),
        "clips": [
            {
                "number": clip.number, "name": clip.name, "frames": clip.length,
                "duration_s": clip.length / packed.fps, "source": clip.source,
                "source_start_s": clip.source_start_s, "validates": index in validating,
                **({"dancer": clip.dancer} if packed.dancers else {}),
            }
            for index, clip in enumerate(packed.clips)
        ],
        "stages": {
            stage: {
                "done": stage in contents,
                "begun": (run / stage).is_dir(),
                "stale": stale.get(stage),
                "bytes": _size(run, stage, contents.get(stage, {})),
                **contents.get(stage, {}),
            }
            for stage in STAGES
        },
    }  # fmt: skip


def _stale(contents: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Why a finished stage no longer fits the one before it, by stage."""
    reasons = {}
    fingerprint, vae = contents["frames"]["fingerprint"], contents.get("vae", {})
    if vae and vae["settings"]["frames"] != fingerprint:
        reasons["vae"] = "the frames have changed since"
    latents = contents.get("latents", {}).get("source")
    if latents and latents != {"frames": fingerprint, "vae": vae.get("weights")}:
        reasons["latents"] = "the VAE or the frames have changed since"
    choreographer = contents.get("choreographer", {})
    if choreographer and (
        "latents" in reasons or not latents
        or choreographer["settings"]["latents"] != f"{latents['frames']}-{latents['vae']}"
    ):  # fmt: skip
        reasons["choreographer"] = "the latents have changed since"
    joint = contents.get("joint", {})
    now = {"vae": vae.get("weights"), "choreographer": choreographer.get("weights")}
    if joint and joint["settings"]["weights"] != now:
        reasons["joint"] = "the VAE or the choreographer has changed since"
    if joint.get("kept") and "joint" not in reasons:
        now = joint.get("weights", {})
    if "sharpen" in contents and contents["sharpen"]["settings"]["weights"] != now:
        reasons["sharpen"] = "the VAE or the choreographer has changed since"
    return reasons


def _size(run: Run, stage: str, content: dict[str, Any]) -> int:
    """Bytes on disk of a stage's files."""
    names = [f"{stage}.json", f"{stage}.npz", f"{stage}.png", *content.get("files", {}).values()]
    files = [run / name for name in names]
    files += (run / stage).glob("**/*") if (run / stage).is_dir() else []
    return sum(file.stat().st_size for file in files if file.is_file())


def as_json(found: dict[str, Any]) -> str:
    """What `summarise` found as indented JSON."""
    return json.dumps(found, indent=2, allow_nan=False)


def as_text(found: dict[str, Any]) -> str:
    """What `summarise` found as a page of text."""
    kind = "grey" if found["channels"] == 1 else "colour"
    lines = [
        f"run {found['run']}",
        f"frames: {found['frames']}, {found['width']}x{found['height']} {kind}, {found['fps']:g} fps, "
        f"{duration(found['duration_s'])}",
        *([f"dancers: {', '.join(found['dancers'])}"] if found["dancers"] else []),
        "", "clips (* validates):",
    ]  # fmt: skip
    for clip in found["clips"]:
        mark = "*" if clip["validates"] else " "
        lines.append(
            f" {clip['number']:3d}{mark} {clip['name']:24s} {clip['duration_s']:7.1f} s  "
            f"{clip['dancer'] + '  ' if 'dancer' in clip else ''}"
            f"from {clip['source_start_s']:.1f} s of {clip['source']}"
        )
    if not any(clip["validates"] for clip in found["clips"]):
        lines.append("      (a single clip: its last sixth validates)")
    lines += ["", "stages:"]
    for stage, content in found["stages"].items():
        lines += _stage_lines(stage, content)
    return "\n".join(lines)


def _stage_lines(stage: str, content: dict[str, Any]) -> list[str]:
    from dancenet.yardsticks.baselines import no_better

    if not content["done"]:
        return [f"  {stage:14s} {'begun, not finished' if content['begun'] else 'not done'}"]
    provenance = content.get("provenance", {})
    about = [f"{content['bytes'] / 1e6:.1f} MB", f"made {provenance.get('made_at', 'at an unknown time')}"]
    if "seconds" in content:
        about.append(f"in {duration(content['seconds'])}")
    if preset := content.get("settings", {}).get("preset"):
        about.append(f"preset {preset}")
    if stage in ("joint", "sharpen"):
        about.append("kept" if content.get("kept") else "not kept")
    lines = [f"  {stage:14s} {', '.join(about)}"]
    if content["stale"]:
        lines.append(f"{'':17s}STALE: {content['stale']}")
    if content.get("figures"):
        lines.append(f"{'':17s}{figures_line(content['figures'])}")
    if stage == "choreographer" and (better := no_better(content.get("figures", {}))):
        lines.append(f"{'':17s}HARDLY LEARNED: no better than {better}; more film or --minutes may mend that")
    if provenance.get("command"):
        lines.append(f"{'':17s}by: {' '.join(provenance['command'])}")
    return lines


def figures_line(figures: dict[str, Any]) -> str:
    """Figures in one line: `foreground psnr 20.71 dB, kl 55.1 nats`; groups of figures in brackets."""
    parts = []
    for name, value in figures.items():
        if name in _INNER:
            continue
        words = name.split("_")
        unit = {"db": " dB", "nats": " nats", "s": " s"}.get(words[-1], "")
        label = " ".join(words[:-1] if unit and len(words) > 1 else words)
        if isinstance(value, dict):
            parts.append(f"{label} ({figures_line(value)})")
        elif isinstance(value, float):
            parts.append(f"{label} {value:.4g}{unit}")
        else:
            parts.append(f"{label} {value}{unit}")
    return ", ".join(parts)


def report_frames(run: Run, packed: Any, console: Console) -> None:
    """Say what stage 1 took."""
    console.say(
        f"frames: {len(packed)} in {len(packed.clips)} {'clip' if len(packed.clips) == 1 else 'clips'}, "
        f"{packed.width}x{packed.height}, {duration(len(packed) / packed.fps)}"
    )
    console.result(Path(run / "frames.png"))


def report_stage(run: Run, content: dict[str, Any], console: Console) -> None:
    """Say how a trained stage ended."""
    stage = content["stage"]
    took = f" in {duration(content['seconds'])}" if "seconds" in content else ""
    early = ", stopped early: it no longer improved" if content.get("stopped_early") else ""
    figures = figures_line(content.get("figures", {}))
    console.say(f"{stage}: done{took}{early}{_verdict(content)} · {figures}")
    console.result(run / f"{stage}.json")


def _verdict(content: dict[str, Any]) -> str:
    """Whether a stage's models were kept, for those that may not be."""
    if "kept" not in content:
        return ""
    if content["kept"]:
        return ", kept"
    held = content["figures"]["after"].get("holds")
    return ", not kept: " + ("it gained too little" if held else "it did not hold both figures")
