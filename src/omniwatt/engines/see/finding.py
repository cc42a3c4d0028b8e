"""Where text stands in a picture: a segmentation network and its boxes (Liao et al. 2020, DB)."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from omniwatt.engines.see.reading import COLUMN, Pixels
from omniwatt.engines.speak.onnx import Network

LEAST_SIDE_PX = 736
"""The shorter side is brought to at least this: small print disappears below."""
MOST_SIDE_PX = 2000
STEP_PX = 32
MARGIN_PX, MARGIN = 16, 0.1
"""Ground added on each side, in pixels and as a share of the shorter side: text at the very edge is not found."""
TEXT = 0.3
"""A pixel more likely than this is text."""
BOX = 0.5
"""A box whose pixels are text with this mean probability is kept."""
GROWTH = 1.6
"""The network marks the core of a line: boxes grow by area x this / perimeter, as it was trained."""
MOST_BOXES = 1000
LEAST_PX = 3.0

Quad = NDArray[np.float32]
"""Four corners, clockwise from the upper left, x and y in pixels of the picture."""


class Finder:
    """Finds lines of text. Blocks; may be used from several threads."""

    def __init__(self, model: Path, threads: int) -> None:
        self._network = Network(model, threads)
        self._input = next(iter(self._network.inputs))

    def find(self, picture: Pixels) -> list[Quad]:
        """The lines in reading order: from top to bottom, then from left to right."""
        height, width = picture.shape[:2]
        margin = max(MARGIN_PX, round(MARGIN * min(height, width)))
        small = _sized(
            np.asarray(cv2.copyMakeBorder(picture, margin, margin, margin, margin, cv2.BORDER_REPLICATE), np.uint8)
        )
        (scores,) = self._network.run({self._input: (small.transpose(2, 0, 1)[None] / 127.5 - 1.0).astype(np.float32)})
        map_ = scores[0, 0]
        scale = np.array([(width + 2 * margin) / map_.shape[1], (height + 2 * margin) / map_.shape[0]], np.float32)
        boxes = [box * scale - margin for box in _boxes(map_)]
        return in_reading_order([np.clip(box, 0, [width - 1, height - 1]).astype(np.float32) for box in boxes])


def cut_out(picture: Pixels, quad: Quad) -> Pixels:
    """The line upright, as if the box had been looked at from straight above."""
    width = max(1, round(float(max(_length(quad[0], quad[1]), _length(quad[3], quad[2])))))
    height = max(1, round(float(max(_length(quad[0], quad[3]), _length(quad[1], quad[2])))))
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    view = cv2.getPerspectiveTransform(quad, target)
    flat = cv2.warpPerspective(picture, view, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(flat, np.uint8)


def in_reading_order(quads: list[Quad]) -> list[Quad]:
    """Lines beside one another (more than half of the lower one's height in common) go left to right; columns, from
    the right to the left, come as they stand."""
    if quads and sum(_tall(quad) for quad in quads) > len(quads) / 2:
        return sorted(quads, key=lambda quad: (-float(quad[:, 0].mean()), float(quad[:, 1].min())))
    rows: list[list[Quad]] = []
    for quad in sorted(quads, key=lambda quad: float(quad[:, 1].mean())):
        top, bottom = float(quad[:, 1].min()), float(quad[:, 1].max())
        if rows:
            last = np.concatenate(rows[-1])
            common = min(bottom, float(last[:, 1].max())) - max(top, float(last[:, 1].min()))
            if common > 0.5 * (bottom - top):
                rows[-1].append(quad)
                continue
        rows.append([quad])
    return [quad for row in rows for quad in sorted(row, key=lambda quad: float(quad[:, 0].min()))]


def _tall(quad: Quad) -> bool:
    return _length(quad[0], quad[3]) > COLUMN * _length(quad[0], quad[1])


def _sized(picture: Pixels) -> Pixels:
    height, width = picture.shape[:2]
    scale = max(1.0, LEAST_SIDE_PX / min(height, width))
    scale = min(scale, MOST_SIDE_PX / max(height, width))
    size = [max(STEP_PX, round(side * scale / STEP_PX) * STEP_PX) for side in (width, height)]
    return np.asarray(cv2.resize(picture, (size[0], size[1]), interpolation=cv2.INTER_AREA), np.uint8)


def _boxes(scores: NDArray[Any]) -> list[Quad]:
    mask = cv2.dilate((scores > TEXT).astype(np.uint8), np.ones((2, 2), np.uint8))
    outlines, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    found: list[Quad] = []
    for outline in outlines[:MOST_BOXES]:
        rectangle = cv2.minAreaRect(outline)
        if min(rectangle[1]) < LEAST_PX or _mean(scores, cv2.boxPoints(rectangle)) < BOX:
            continue
        found.append(_corners(_grown(rectangle)))
    return found


def _grown(rectangle: Any) -> Any:
    centre, (width, height), angle = rectangle
    more = 2.0 * width * height * GROWTH / (2.0 * (width + height))
    return centre, (width + more, height + more), angle


def _corners(rectangle: Any) -> Quad:
    """Clockwise from the upper left, whatever the angle was given as."""
    points = cv2.boxPoints(rectangle)
    left, right = np.split(points[np.argsort(points[:, 0])], 2)
    left, right = left[np.argsort(left[:, 1])], right[np.argsort(right[:, 1])]
    return np.array([left[0], right[0], right[1], left[1]], np.float32)


def _mean(scores: NDArray[Any], points: NDArray[Any]) -> float:
    """Of the probabilities inside the box."""
    height, width = scores.shape
    low = np.clip(np.floor(points.min(axis=0)).astype(int), 0, [width - 1, height - 1])
    high = np.clip(np.ceil(points.max(axis=0)).astype(int), 0, [width - 1, height - 1])
    inside = np.zeros((high[1] - low[1] + 1, high[0] - low[0] + 1), np.uint8)
    cv2.fillPoly(inside, [(points - low).astype(np.int32)], (1,))
    return float(cv2.mean(scores[low[1] : high[1] + 1, low[0] : high[0] + 1], inside)[0])


def _length(a: NDArray[Any], b: NDArray[Any]) -> float:
    return float(np.linalg.norm(a - b))
