"""What the generated scenes show: textured grounds, five classes of objects, and clutter.

Each object has a plain body, in colours that all classes and the clutter share, and one part with a
pattern that only its class has. A classifier needs the part alone, so activation maps leave bodies
out; a segmentor has to find them.
"""

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


# Two colours that each ground lies between, RGB.
GROUNDS = {
    'meadow': ((62, 112, 48), (150, 178, 84)),
    'sand': ((176, 146, 98), (232, 212, 166)),
    'water': ((34, 84, 132), (128, 184, 206)),
    'stones': ((92, 88, 90), (176, 168, 160)),
    'road': ((58, 58, 64), (116, 112, 112)),
}


def smooth_noise(shape: tuple[int, int], cell: float, rng: np.random.Generator) -> np.ndarray:
    """Give noise of about one wave per ``cell`` pixels, float32 (H, W) in [0, 1]."""
    rows, columns = (max(2, round(side / cell) + 1) for side in shape)
    coarse = rng.random((rows, columns), np.float32)
    return np.clip(cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC), 0, 1)


def draw_ground(name: str, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Draw a ground.

    Args:
        name (str): Key of ``GROUNDS``.
        shape (tuple[int, int]): (H, W).
        rng (np.random.Generator): Where the texture comes from.

    Returns:
        np.ndarray: float32 (H, W, 3) RGB, 0 to 255.
    """
    scale = min(shape) / 128
    value = 0.6 * smooth_noise(shape, 40 * scale, rng) + 0.25 * smooth_noise(shape, 9 * scale, rng)
    value += 0.15 * rng.random(shape, np.float32)
    if name == 'water':
        y = np.linspace(0, 1, shape[0], dtype=np.float32)[:, None]
        waves = np.sin(70 * y + 9 * smooth_noise(shape, 25 * scale, rng))
        value = 0.7 * value + 0.3 * (0.5 + 0.5 * waves)
    elif name == 'meadow':
        # Blades: noise drawn out in one direction.
        value = 0.6 * value + 0.4 * cv2.blur(rng.random(shape, np.float32), (1, 9))
    elif name == 'stones':
        edges = np.abs(smooth_noise(shape, 12 * scale, rng) - 0.5) < 0.05
        value = np.where(edges, 0.25 * value, value)
    low, high = (np.array(color, np.float32) for color in GROUNDS[name])
    tint = rng.uniform(0.9, 1.1, 3).astype(np.float32)
    return np.clip((low + value[..., None] * (high - low)) * tint, 0, 255)


DARK: Color = (32, 28, 30)
LIGHT: Color = (240, 236, 225)


def random_color(rng: np.random.Generator, hues: tuple[int, int] = (0, 180)) -> Color:
    """Give a colour, RGB, with a hue (OpenCV's, in steps of two degrees) in a range."""
    hue, saturation = rng.integers(*hues) % 180, rng.integers(70, 200)
    value = rng.integers(90, 230)
    return _to_rgb((hue, saturation, value))


def pattern_color(rng: np.random.Generator, low: int, high: int) -> Color:
    """Give a strong colour with a hue between two, for the part that tells the class."""
    hsv = rng.integers(low, high) % 180, rng.integers(150, 230), rng.integers(150, 230)
    return _to_rgb(hsv)


def shade(color: Color, factor: float) -> Color:
    """Give a darker or lighter tone."""
    return tuple(int(np.clip(value * factor, 0, 255)) for value in color)


def _to_rgb(hsv: tuple[int, int, int]) -> Color:
    return tuple(map(int, cv2.cvtColor(np.uint8([[hsv]]), cv2.COLOR_HSV2RGB)[0, 0]))


def draw_fish(brush: Brush, rng: np.random.Generator) -> None:
    """A plain body; the tail is striped."""
    body = random_color(rng)
    tail = [(-0.45, 0.0), (-1.0, -0.45), (-0.9, 0.0), (-1.0, 0.45)]
    brush.polygon(tail, (250, 220, 70))
    for y in (-0.24, -0.08, 0.08, 0.24):
        brush.line([(-0.5, 0.4 * y), (-1.0, 1.4 * y)], 0.075, DARK, inside=True)
    brush.polygon([(-0.15, -0.25), (0.05, -0.56), (0.3, -0.25)], shade(body, 0.8))
    brush.ellipse((0.15, 0.0), (0.72, 0.36), body)
    brush.ellipse((0.62, -0.08), (0.07, 0.07), LIGHT)
    brush.ellipse((0.63, -0.08), (0.035, 0.035), DARK)


def draw_snail(brush: Brush, rng: np.random.Generator) -> None:
    """A long plain foot; the shell has a spiral."""
    body, shell = random_color(rng), pattern_color(rng, 10, 24)
    brush.line([(0.78, 0.05), (0.95, -0.4)], 0.06, body)
    brush.line([(0.7, 0.05), (0.7, -0.42)], 0.06, body)
    brush.ellipse((0.0, 0.42), (0.95, 0.18), body)
    brush.ellipse((0.72, 0.2), (0.2, 0.3), body)
    brush.ellipse((-0.2, -0.02), (0.46, 0.46), shell)
    turn = np.linspace(0, 5 * np.pi, 90)
    radius = 0.42 * turn / turn[-1]
    spiral = np.stack([-0.2 + radius * np.cos(turn), -0.02 + radius * np.sin(turn)], axis=1)
    brush.line(spiral, 0.07, shade(shell, 0.35))


def draw_mushroom(brush: Brush, rng: np.random.Generator) -> None:
    """A tall plain stem; the cap is dotted."""
    stem, cap = random_color(rng), pattern_color(rng, 172, 185)
    brush.polygon([(-0.2, -0.3), (0.2, -0.3), (0.3, 0.95), (-0.3, 0.95)], stem)
    angle = np.linspace(np.pi, 2 * np.pi, 30)
    brush.polygon(np.stack([0.8 * np.cos(angle), -0.2 + 0.65 * np.sin(angle)], axis=1), cap)
    for x, y in ((-0.5, -0.35), (-0.2, -0.6), (0.15, -0.38), (0.42, -0.55), (0.6, -0.3)):
        brush.ellipse((x, y), (0.1, 0.09), LIGHT)


def draw_bird(brush: Brush, rng: np.random.Generator) -> None:
    """A plain body and tail; the wing has zigzag bars."""
    body, wing = random_color(rng), pattern_color(rng, 95, 125)
    brush.line([(0.0, 0.3), (0.0, 0.75)], 0.06, DARK)
    brush.line([(0.2, 0.3), (0.2, 0.75)], 0.06, DARK)
    brush.polygon([(-0.45, -0.1), (-1.0, -0.3), (-0.95, 0.05), (-0.4, 0.22)], shade(body, 0.85))
    brush.ellipse((0.0, 0.05), (0.62, 0.38), body, angle=-10)
    brush.ellipse((0.55, -0.32), (0.26, 0.25), body)
    brush.polygon([(0.76, -0.42), (1.02, -0.28), (0.76, -0.2)], (235, 150, 40))
    brush.ellipse((0.62, -0.37), (0.05, 0.05), DARK)
    brush.ellipse((-0.1, 0.02), (0.42, 0.22), wing, angle=-14)
    for offset in (-0.1, 0.04):
        x = np.linspace(-0.42, 0.2, 8)
        y = offset - 0.25 * x + np.where(np.arange(8) % 2, 0.07, -0.07)
        brush.line(np.stack([x, y], axis=1), 0.05, shade(wing, 0.3))


def draw_truck(brush: Brush, rng: np.random.Generator) -> None:
    """A plain box and cab; the wheels have spokes."""
    box, cab = random_color(rng), random_color(rng)
    brush.polygon([(-1.0, -0.55), (0.4, -0.55), (0.4, 0.4), (-1.0, 0.4)], box)
    brush.polygon([(0.4, -0.2), (0.75, -0.2), (1.0, 0.08), (1.0, 0.4), (0.4, 0.4)], cab)
    brush.polygon([(0.52, -0.1), (0.7, -0.1), (0.86, 0.08), (0.52, 0.08)], (190, 215, 230))
    for x in (-0.6, 0.6):
        brush.ellipse((x, 0.42), (0.25, 0.25), DARK)
        brush.ellipse((x, 0.42), (0.17, 0.17), LIGHT)
        for angle in (0, np.pi / 3, 2 * np.pi / 3):
            spoke = 0.17 * np.array([np.cos(angle), np.sin(angle)])
            brush.line(
                [(x - spoke[0], 0.42 - spoke[1]), (x + spoke[0], 0.42 + spoke[1])], 0.05, DARK
            )


def draw_stone(brush: Brush, rng: np.random.Generator) -> None:
    """Clutter: an irregular blob in the colours of bodies."""
    angle = np.linspace(0, 2 * np.pi, 9)[:-1]
    radius = rng.uniform(0.55, 1.0, 8)
    points = np.stack([radius * np.cos(angle), 0.7 * radius * np.sin(angle)], axis=1)
    brush.polygon(points, random_color(rng))


def draw_crate(brush: Brush, rng: np.random.Generator) -> None:
    """Clutter: a box like a truck's, without wheels."""
    height = rng.uniform(0.4, 0.8)
    color = random_color(rng)
    brush.polygon([(-0.9, -height), (0.9, -height), (0.9, height), (-0.9, height)], color)
    if rng.random() < 0.5:
        brush.line([(-0.9, -height), (0.9, height)], 0.12, shade(color, 0.7))


def draw_ball(brush: Brush, rng: np.random.Generator) -> None:
    """Clutter: a disc of two colours."""
    brush.ellipse((0.0, 0.0), (0.8, 0.8), random_color(rng))
    brush.ellipse((0.0, 0.0), (0.8, 0.25), random_color(rng))


def draw_pole(brush: Brush, rng: np.random.Generator) -> None:
    """Clutter: a narrow bar."""
    brush.polygon([(-0.12, -1.6), (0.12, -1.6), (0.12, 1.6), (-0.12, 1.6)], random_color(rng))


def draw_grass(brush: Brush, rng: np.random.Generator) -> None:
    """Clutter that is often in front: blades."""
    color = shade((70, 140, 50), rng.uniform(0.6, 1.3))
    for x in np.linspace(-0.7, 0.7, 7):
        lean = x + rng.uniform(-0.3, 0.3)
        brush.line([(x, 0.8), (lean, rng.uniform(-0.9, -0.1))], 0.09, color)


OBJECTS = {
    'fish': draw_fish,
    'snail': draw_snail,
    'mushroom': draw_mushroom,
    'bird': draw_bird,
    'truck': draw_truck,
}
CLUTTER = (draw_stone, draw_crate, draw_ball, draw_pole, draw_grass)
OCCLUDERS = (draw_pole, draw_grass, draw_stone)
