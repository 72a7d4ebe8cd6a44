"""The figure drawn: anti-aliased, depth-sorted, shaded in colour or as a silhouette.

Limbs are tapered capsules, the torso two convex hulls of spheres, head and hair ellipsoids. Each is
painted from its dark rim to its lit side in a few layers. Shape letters: T frames, J joints, P points.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from dancenet.figure.body import JOINT, Body
from dancenet.figure.shapes import FACE, Part, landmarks, parts_of

#: Frames whose outlines are computed at once.
CHUNK = 128
#: Metres of dance floor that the picture holds, down and across, at the middle of the floor.
_VIEW_HEIGHT_M, _VIEW_WIDTH_M = 2.16, 3.50
_EYE_HEIGHT_M, _EYE_DISTANCE_M = 1.15, 6.5
#: Where the floor's middle lies in the picture, of its height.
_FLOOR_LINE = 0.93
_SHIFT = 4
_ANGLES = np.linspace(0, 2 * np.pi, 20, endpoint=False)
_RING = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=-1)

_WALL_TOP, _WALL_LOW, _FLOOR_FAR, _FLOOR_NEAR = (
    (233, 238, 242),
    (244, 245, 244),
    (226, 222, 214),
    (238, 234, 226),
)


@dataclass(frozen=True)
class Camera:
    """A pinhole camera before the floor, looking level at its middle."""

    focal_px: float
    centre_x: float
    centre_y: float

    def project(self, points_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(..., 3) metres to (..., 2) pixels, and the scale there in pixels per metre (...)."""
        scale = self.focal_px / (_EYE_DISTANCE_M - points_m[..., 2])
        x = self.centre_x + points_m[..., 0] * scale
        y = self.centre_y - (points_m[..., 1] - _EYE_HEIGHT_M) * scale
        return np.stack([x, y], axis=-1), scale


def camera(width: int, height: int) -> Camera:
    """The camera that holds the whole dance in a picture of `width` x `height` pixels."""
    scale = min(height / _VIEW_HEIGHT_M, width / _VIEW_WIDTH_M)
    floor = 0.5 * height + (_FLOOR_LINE - 0.5) * _VIEW_HEIGHT_M * scale
    return Camera(scale * _EYE_DISTANCE_M, 0.5 * width, floor - _EYE_HEIGHT_M * scale)


def _circles(centres: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Points (T, P, 2) on circles (T, n, 2), (T, n); their convex hull is a part's outline."""
    points = centres[:, :, None] + radii[:, :, None, None] * _RING
    return points.reshape(len(points), -1, 2)


class Painter:
    """Draws frames of one body at one size.

    Args:
        body: its girth and colours.
        width, height: the picture's size in pixels.
        silhouette: black on white, without shading or shadow.
    """

    def __init__(self, body: Body, width: int, height: int, *, silhouette: bool = False):
        self.body, self.width, self.height, self.silhouette = body, width, height, silhouette
        self._camera = camera(width, height)
        self._parts = parts_of(body)
        self._thick = body.girth * body.height_m / 1.72
        self._px_per_m = self._camera.focal_px / _EYE_DISTANCE_M
        self._layers = [self._layering(part) for part in self._parts]
        self._empty = np.full((height, width, 3), 255, np.uint8) if silhouette else self._background()

    def _layering(self, part: Part) -> list[tuple[float, float, float]]:
        """From rim to light: share of the radius, offset to the light as a share of it, tone -1 to 1."""
        if self.silhouette:
            return [(1.0, 0.0, -1.0)]
        layers = int(np.clip(round(self._px_per_m * max(part.radii_m) / 2.2), 3, 8))
        return [(1.0 - 0.66 * k, 0.36 * k, -0.26 + 0.46 * k**0.8) for k in np.linspace(0.0, 1.0, layers)]

    def _background(self) -> np.ndarray:
        """A light wall above a light floor."""
        horizon = int(self._camera.project(np.array([0.0, 0.0, -1.6]))[0][1])
        rows = np.arange(self.height)[:, None]
        wall = np.clip(rows / max(horizon, 1), 0, 1)
        floor = np.clip((rows - horizon) / max(self.height - horizon, 1), 0, 1)
        above = np.array(_WALL_TOP) * (1 - wall) + np.array(_WALL_LOW) * wall
        below = np.array(_FLOOR_FAR) * (1 - floor) + np.array(_FLOOR_NEAR) * floor
        seam = np.clip((rows - horizon) / max(0.02 * self.height, 1) + 0.5, 0, 1)
        column = above * (1 - seam) + below * seam
        return np.repeat(column[:, None, :].round().astype(np.uint8), self.width, axis=1)

    def frames(self, joints_m: np.ndarray) -> Iterator[np.ndarray]:
        """Yield a picture, uint8 RGB (H, W, 3), for each of the poses (T, J, 3)."""
        at = landmarks(joints_m, self.body)
        shapes = [
            self._shapes(part, layers, at) for part, layers in zip(self._parts, self._layers, strict=True)
        ]
        depth = np.stack(
            [
                np.mean([at[n][:, 2] for n in part.sorted_by or part.joints], axis=0) + part.nearer_m
                for part in self._parts
            ],
            axis=-1,
        )
        order = np.argsort(depth, axis=-1)
        tones = self._tones(at, depth)
        eyes = self._eyes(at)
        shadow = None if self.silhouette else self._shadow_lines(joints_m)
        for t in range(len(joints_m)):
            picture = self._empty.copy() if shadow is None else self._floor(shadow[t])
            for part in order[t].tolist():
                colours = tones[part][t]
                for layer, points in shapes[part]:
                    outline = cv2.convexHull(points[t])
                    cv2.fillConvexPoly(picture, outline, colours[layer], cv2.LINE_AA, _SHIFT)
                if part == FACE and eyes is not None:
                    self._look(picture, eyes, t)
            yield picture

    def _shapes(
        self, part: Part, layers: list[tuple[float, float, float]], at: dict[str, np.ndarray]
    ) -> list[tuple[int, np.ndarray]]:
        """What to fill, in order: (layer, points (T, P, 2) in sixteenths of a pixel, hulls to be)."""
        shapes = []
        for number, layer in enumerate(layers):
            if number:
                shapes += [(number, self._seam(seam, layer, at)) for seam in part.seams]
            places = [at[name] for name in part.joints]
            broad = any(f"{name[:-2]}_r" in part.joints for name in part.joints if name.endswith("_l"))
            shapes.append((number, self._points(places, part.radii_m, layer, broad)))
        return shapes

    def _seam(
        self,
        seam: tuple[str, str, float, float],
        layer: tuple[float, float, float],
        at: dict[str, np.ndarray],
    ) -> np.ndarray:
        """The neighbour's end at a joint. Lighter layers reach further, so that no cap of theirs shows."""
        joint, far, radius, far_radius = seam
        way = at[far] - at[joint]
        length = np.linalg.norm(way, axis=-1, keepdims=True).mean()
        share = 0.14 + 1.2 * (1 - layer[0]) * radius * self._thick / length
        return self._points(
            [at[joint], at[joint] + share * way], (radius, radius + share * (far_radius - radius)), layer
        )

    def _points(
        self, places_m: list[np.ndarray], radii_m: tuple[float, ...], layer: tuple[float, float, float],
        broad: bool = False,
    ) -> np.ndarray:  # fmt: skip
        """Spheres of one layer: (T, P, 2) sixteenths of a pixel whose convex hull is to be filled."""
        share, offset, _ = layer
        seen = [self._camera.project(place) for place in places_m]
        centres = np.stack([pixels for pixels, _ in seen], axis=1)
        radii = np.stack([scale for _, scale in seen], axis=1) * np.array(radii_m) * self._thick
        # Towards the light: up and to the left.
        centres = centres + offset * radii[:, :, None] * np.array([-0.62, -0.78])
        if broad:
            # A part as broad as the body is lit across its whole breadth.
            middle = centres.mean(axis=1, keepdims=True)
            centres = middle + (1 - 0.55 * (1 - share)) * (centres - middle)
        return np.round(_circles(centres, radii * share) * 2**_SHIFT).astype(np.int32)

    def _tones(self, at: dict[str, np.ndarray], depth: np.ndarray) -> list[list[list[list[float]]]]:
        """Colours [part][t][layer]: lit layers lighter, parts behind the pelvis darker."""
        behind = np.clip((at["pelvis"][:, 2, None] + 0.05 - depth) / 0.5, 0.0, 1.0)
        tones = []
        for index, (part, layers) in enumerate(zip(self._parts, self._layers, strict=True)):
            colour = np.array(part.colour, np.float64)
            tone = np.array([tone for _, _, tone in layers])[:, None]
            lit = np.where(tone > 0, colour + (255 - colour) * tone, colour * (1 + tone))
            tones.append((lit[None] * (1 - 0.22 * behind[:, index])[:, None, None]).tolist())
        return tones

    def _eyes(self, at: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray] | None:
        """Pixels (T, 2 eyes, 2) in sixteenths, and how far the face is turned to the camera (T,)."""
        if self.silhouette:
            return None
        pixels = np.stack([self._camera.project(at[f"eye_{side}"])[0] for side in "lr"], axis=1)
        return np.round(pixels * 2**_SHIFT).astype(np.int32), at["ahead"][:, 2]

    def _look(self, picture: np.ndarray, eyes: tuple[np.ndarray, np.ndarray], t: int) -> None:
        pixels, turned = eyes
        if turned[t] < 0.25:
            return
        radius = round(0.0105 * self._camera.focal_px / _EYE_DISTANCE_M * 2**_SHIFT)
        for x, y in pixels[t].tolist():
            cv2.circle(picture, (x, y), radius, (58, 40, 36), -1, cv2.LINE_AA, _SHIFT)

    def _shadow_lines(self, joints_m: np.ndarray) -> np.ndarray:
        """Joints cast on the floor by a lamp high on the left: (T, J, 2) sixteenths of a quarter pixel."""
        cast = joints_m.astype(np.float64)
        cast[..., 0] += 0.16 * cast[..., 1]
        cast[..., 2] -= 0.30 * cast[..., 1]
        cast[..., 1] = 0.0
        pixels = self._camera.project(cast)[0] / 4.0
        return np.round(pixels * 2**_SHIFT).astype(np.int32)

    def _floor(self, lines: np.ndarray) -> np.ndarray:
        """The empty stage with the soft shadow of one pose (J, 2)."""
        small: np.ndarray = np.zeros((self.height // 4 + 1, self.width // 4 + 1), np.uint8)
        unit = self._camera.focal_px / _EYE_DISTANCE_M / 4.0
        for chain, strength, width in _SHADOW:
            points = lines[[JOINT[name] for name in chain]]
            cv2.polylines(small, [points], False, strength, max(1, round(width * unit)), cv2.LINE_AA, _SHIFT)
        blurred = cv2.GaussianBlur(small, (0, 0), max(0.8, 0.035 * unit))
        soft = cv2.resize(blurred, (small.shape[1] * 4, small.shape[0] * 4), interpolation=cv2.INTER_LINEAR)
        soft = 255 - soft[: self.height, : self.width]
        return cv2.multiply(self._empty, cv2.merge([soft, soft, soft]), scale=1 / 255)


#: Chains of joints in the shadow: how dark (of 255), how wide in metres.
_SHADOW = (
    (("pelvis", "waist", "chest", "neck", "head"), 34, 0.22),
    (("hip_l", "knee_l", "ankle_l"), 44, 0.12),
    (("hip_r", "knee_r", "ankle_r"), 44, 0.12),
    (("shoulder_l", "elbow_l", "wrist_l"), 26, 0.08),
    (("shoulder_r", "elbow_r", "wrist_r"), 26, 0.08),
    (("heel_l", "toe_l"), 80, 0.10),
    (("heel_r", "toe_r"), 80, 0.10),
)
