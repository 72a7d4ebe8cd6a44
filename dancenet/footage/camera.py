"""The camera held still: the frames of a film taken by hand are moved back onto one picture.

Corners of what stands behind the dancer are followed (Shi & Tomasi 1994; Lucas & Kanade 1981, in pyramids)
from a picture without dancer into every frame, and the turn, shift and zoom that most of them agree on is
taken back (Fischler & Bolles 1981). Shape letters: T frames, S of them sampled, N corners.
"""

from collections.abc import Iterable
from typing import Any

import cv2
import numpy as np

from dancenet.footage.background import median_frame, sample

#: Longest side in pixels of the pictures that are looked at: larger ones are noisier, and say no more.
LOOKED_AT = 256
#: Corners that are followed, at most, and how many have to agree, over so much of the picture's width and of
#: its height: fewer may be the dancer's own.
CORNERS, FEWEST, OVER = 400, 24, 0.5
#: Corners count that are so strong beside the strongest: walls have faint ones, furniture few.
FAINTEST = 3e-4
#: A corner that is followed there and back ends where it began, within so many pixels.
BACK_PX = 0.5
#: Corners agree within so many pixels.
AGREE_PX = 0.7
#: A picture whose rim moves less than this by nine tenths of the time, in pixels, is one of a still camera.
STILL_PX = 0.35
#: A camera that goes farther than this share of the picture's longer side travels: it cannot be held still.
FARTHEST = 0.12
#: So many frames may be unclear; they are moved as their neighbours say.
UNCLEAR = 0.1
#: What does not move has to change by less than this much of what it did before.
CALMER = 0.8

#: A coarser picture than half would show little but the dancer.
_FOLLOW = {"winSize": (21, 21), "maxLevel": 1}


def shake(frames: np.ndarray) -> np.ndarray | None:
    """How the camera moved in one clip.

    Args:
        frames: (T, H, W, 3) uint8; a memory map will do.

    Returns:
        (T, 2, 3) from pixels of a still picture to those of each frame: turn, zoom and shift, for `held`.
        None where the camera stands, where it travels, or where nothing behind the dancer tells.
    """
    ratio = min(1.0, LOOKED_AT / max(frames.shape[1:3]))
    size = round(frames.shape[2] * ratio), round(frames.shape[1] * ratio)
    taken = np.stack([_small(frame, size) for frame in sample(frames)])
    first = _followed(taken[len(taken) // 2], taken)
    if first is None or _rim(first, *size) < STILL_PX:
        return None
    behind = median_frame(_all_held(taken, first))
    moves = _followed(behind, (_small(frame, size) for frame in frames))
    if moves is None or _rim(moves, *size, worst=True) > FARTHEST * max(size):
        return None
    if _unrest(_all_held(taken, sample(moves))) > CALMER * _unrest(taken):
        return None
    return scaled(moves, frames.shape[2] / size[0])


def scaled(moves: np.ndarray, scale: float) -> np.ndarray:
    """Moves (..., 2, 3) for pictures `scale` times as large; pixels have their middles at whole numbers."""
    grown, shift = moves.copy(), (scale - 1) / 2
    grown[..., 2] = scale * moves[..., 2] + shift - moves[..., :2].sum(axis=-1) * shift
    return grown


def held(picture: np.ndarray, move: np.ndarray) -> np.ndarray:
    """A picture (H, W, C) as a still camera has it, by one of its moves (2, 3); a lost rim is continued."""
    return cv2.warpAffine(
        picture, move, picture.shape[1::-1], flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    ).reshape(picture.shape)  # fmt: skip


def _all_held(pictures: np.ndarray, moves: np.ndarray) -> np.ndarray:
    return np.stack([held(picture, move) for picture, move in zip(pictures, moves, strict=True)])


def _small(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return (
        picture if picture.shape[1::-1] == size else cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    )


def _followed(behind: np.ndarray, frames: Iterable[np.ndarray]) -> np.ndarray | None:
    """(T, 2, 3) from `behind` to each of the frames; None where too few of them are clear."""
    grey = cv2.cvtColor(behind, cv2.COLOR_RGB2GRAY)
    corners = cv2.goodFeaturesToTrack(grey, CORNERS, FAINTEST, 4)
    if corners is None or len(corners) < FEWEST:
        return None
    found: list[np.ndarray | None] = []
    last = np.eye(2, 3)
    for frame in frames:
        move = _move(grey, cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), corners, last)
        last = last if move is None else move
        found.append(move)
    clear = [index for index, move in enumerate(found) if move is not None]
    if len(clear) < (1 - UNCLEAR) * len(found):
        return None
    known = np.stack([found[index].ravel() for index in clear])  # type: ignore[union-attr]
    flat = [np.interp(np.arange(len(found)), clear, column) for column in known.T]
    return np.stack(flat, axis=1).reshape(-1, 2, 3)


def _move(behind: np.ndarray, frame: np.ndarray, corners: np.ndarray, last: np.ndarray) -> np.ndarray | None:
    """(2, 3) from grey `behind` to `frame`, both (H, W), by corners (N, 1, 2); None where they disagree.

    They are looked for where the move before, `last`, took them.
    """
    how: dict[str, Any] = {**_FOLLOW, "flags": cv2.OPTFLOW_USE_INITIAL_FLOW}
    way = cv2.transform(corners, last).astype(np.float32) - corners
    there, seen, _ = cv2.calcOpticalFlowPyrLK(behind, frame, corners, corners + way, **how)
    back, seen_back, _ = cv2.calcOpticalFlowPyrLK(frame, behind, there, there - way, **how)
    off = np.linalg.norm((back - corners)[:, 0], axis=1)
    kept = (seen[:, 0] > 0) & (seen_back[:, 0] > 0) & (off < BACK_PX)
    if kept.sum() < FEWEST:
        return None
    move, agree = cv2.estimateAffinePartial2D(
        corners[kept], there[kept], method=cv2.RANSAC, ransacReprojThreshold=AGREE_PX
    )
    if move is None or agree.sum() < FEWEST:
        return None
    span = np.ptp(corners[kept][agree[:, 0] > 0][:, 0], axis=0)
    return move if (span >= OVER * np.array(behind.shape[::-1])).all() else None


def _rim(moves: np.ndarray, width: int, height: int, worst: bool = False) -> float:
    """How far the picture's corners go, in pixels, nine tenths of the time; or at worst."""
    rim = np.array([[0, 0, 1], [width - 1, 0, 1], [0, height - 1, 1], [width - 1, height - 1, 1]], float)
    away = np.linalg.norm(rim @ np.swapaxes(moves, 1, 2) - rim[:, :2], axis=-1).max(axis=-1)
    return float(away.max() if worst else np.percentile(away, 90))


def _unrest(frames: np.ndarray) -> float:
    """How much edges behind the dancer change, in levels of 255, half of the time; frames (S, H, W, 3)."""
    behind = median_frame(frames)
    grey = cv2.cvtColor(behind, cv2.COLOR_RGB2GRAY).astype(np.float32)
    steep = np.hypot(cv2.Sobel(grey, -1, 1, 0), cv2.Sobel(grey, -1, 0, 1))
    edges = steep >= np.percentile(steep, 90)
    return float(np.median(np.abs(frames[:, edges].astype(np.int16) - behind[edges])))
