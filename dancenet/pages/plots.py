"""Plots of the evaluation page, as inline SVG."""

import base64
import io
from typing import Any

#: What is plotted second by second, and under which name.
OVER_TIME = {"motion": "motion", "jitter": "jitter", "form": "form", "frozen": "frozen share"}
#: Freezes are shown as their share of so many seconds around each one; jitter as its mean.
SMOOTHED_S = {"frozen": 9, "jitter": 5}
#: A plot has room for so many points of a line: longer dances are smoothed down to them.
POINTS = 120


def over_time(found: dict[str, Any]) -> str:
    """Motion, jitter, form and freezes per second of every dance, over the range of real seconds."""
    figure = _figure(height=9)
    axes = figure.subplots(len(OVER_TIME), 1, sharex=True)
    longest = max(len(dance["motion"]) for dance in found["over_time"])
    for axis, (name, label) in zip(axes, OVER_TIME.items(), strict=True):
        window = max(SMOOTHED_S.get(name, 1), 2 * (longest // POINTS // 2) + 1)
        real = [value for take in found["real_over_time"] for value in _smooth(take[name], window)]
        if real:
            axis.axhspan(min(real), max(real), color="#ddd", label="real seconds")
        for seed, dance in enumerate(found["over_time"]):
            axis.plot(_smooth(dance[name], window), linewidth=1, label=f"seed {seed}")
        axis.set_ylabel(label if window == 1 else f"{label}, {window} s")
        axis.set_ylim(bottom=0)
    axes[-1].set_ylim(0, 1)
    axes[-1].set_xlabel("second")
    axes[0].legend(ncols=8, fontsize="small", frameon=False)
    return _svg(figure)


def repetition(found: dict[str, Any]) -> str:
    """Autocorrelation by lag: every dance as a line over the range of real stretches."""
    curves = found["repetition"]
    lags, real = curves["lags_s"], curves["real"]
    figure = _figure(height=3.5)
    axis = figure.subplots()
    columns = [[curve[i] for curve in real if i < len(curve)] for i in range(max(map(len, real), default=0))]
    if columns:
        shown = lags[: len(columns)]
        low, high = [min(column) for column in columns], [max(column) for column in columns]
        axis.fill_between(shown, low, high, color="#ddd", label="real stretches")
        axis.plot(shown, [sum(column) / len(column) for column in columns], color="#888", label="their mean")
    for seed, curve in enumerate(curves["made"]):
        axis.plot(lags[: len(curve)], curve, linewidth=1, label=f"seed {seed}")
    axis.axhline(0, color="#bbb", linewidth=0.5)
    axis.set_xlabel("lag, seconds")
    axis.set_ylabel("autocorrelation")
    axis.legend(ncols=8, fontsize="small", frameon=False)
    return _svg(figure)


def _smooth(values: list[float], window: int) -> list[float]:
    """Running mean over `window` values, fewer at the ends."""
    half = window // 2
    parts = [values[max(0, i - half) : i + half + 1] for i in range(len(values))]
    return [sum(part) / len(part) for part in parts]


def _figure(height: float) -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(11, height), layout="constrained")


def _svg(figure: Any) -> str:
    held = io.BytesIO()
    figure.savefig(held, format="svg")
    return f"data:image/svg+xml;base64,{base64.b64encode(held.getvalue()).decode()}"
