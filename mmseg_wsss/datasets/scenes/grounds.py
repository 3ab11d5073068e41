"""Textured backgrounds of the generated scenes."""

from __future__ import annotations

import cv2
import numpy as np

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
