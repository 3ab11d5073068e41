"""Draws shapes given in an object's own coordinates."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

Color = tuple[int, int, int]
_SUBPIXEL_BITS = 6
_CIRCLE = np.stack([np.cos(np.linspace(0, 2 * np.pi, 48)), np.sin(np.linspace(0, 2 * np.pi, 48))])


class Brush:
    """Paints on a layer of its own, through a placement: size, rotation, mirroring, position.

    In the object's coordinates x points ahead and y down, and the object spans about -1 to 1.

    Args:
        shape (tuple[int, int]): (H, W) of the layer in pixels.
        center (tuple[float, float]): Where the object's origin goes, (x, y) in pixels.
        size (float): Pixels per unit.
        angle (float): Rotation in degrees, clockwise.
        mirrored (bool): Whether the object looks to the left.

    Attributes:
        color (np.ndarray): (H, W, 3) uint8 RGB, valid where covered.
        covered (np.ndarray): (H, W) uint8, 255 where something was painted.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        center: tuple[float, float],
        size: float,
        angle: float = 0.0,
        mirrored: bool = False,
    ) -> None:
        self.color = np.zeros((*shape, 3), np.uint8)
        self.covered = np.zeros(shape, np.uint8)
        self.size = size
        radians = np.deg2rad(angle)
        rotation = np.array(
            [[np.cos(radians), -np.sin(radians)], [np.sin(radians), np.cos(radians)]]
        )
        self.matrix = size * rotation @ np.diag([-1.0 if mirrored else 1.0, 1.0])
        self.center = np.array(center, float)

    def polygon(self, points: Sequence[tuple[float, float]] | np.ndarray, color: Color) -> None:
        """Fill a polygon, points (N, 2) in the object's coordinates."""
        pixels = self._pixels(points)
        cv2.fillPoly(self.color, [pixels], color, shift=_SUBPIXEL_BITS)
        cv2.fillPoly(self.covered, [pixels], 255, shift=_SUBPIXEL_BITS)

    def ellipse(
        self,
        center: tuple[float, float],
        radii: tuple[float, float],
        color: Color,
        angle: float = 0.0,
    ) -> None:
        """Fill an ellipse."""
        radians = np.deg2rad(angle)
        x, y = radii[0] * _CIRCLE[0], radii[1] * _CIRCLE[1]
        points = np.stack(
            [
                center[0] + x * np.cos(radians) - y * np.sin(radians),
                center[1] + x * np.sin(radians) + y * np.cos(radians),
            ],
            axis=1,
        )
        self.polygon(points, color)

    def line(
        self,
        points: Sequence[tuple[float, float]] | np.ndarray,
        width: float,
        color: Color,
        inside: bool = False,
    ) -> None:
        """Draw a line of ``width`` units; ``inside`` keeps it to what is painted already."""
        pixels = self._pixels(points)
        thickness = max(1, round(width * self.size))
        stroke = np.zeros_like(self.covered)
        cv2.polylines(stroke, [pixels], False, 255, thickness, shift=_SUBPIXEL_BITS)
        if inside:
            stroke &= self.covered
        self.color[stroke > 0] = color
        self.covered |= stroke

    def _pixels(self, points: Sequence[tuple[float, float]] | np.ndarray) -> np.ndarray:
        pixels = np.asarray(points, float) @ self.matrix.T + self.center
        return np.round(pixels * (1 << _SUBPIXEL_BITS)).astype(np.int32)
