"""Composes one scene: ground, clutter, objects, what is in front of them, light and noise."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .objects import CLUTTER, GROUNDS, OBJECTS, OCCLUDERS, Brush, draw_ground, smooth_noise

CLASSES = ('background', *OBJECTS)
PALETTE = [
    [0, 0, 0],
    [230, 85, 70],
    [240, 190, 60],
    [170, 100, 200],
    [70, 150, 220],
    [90, 190, 110],
]
# Where a class is found half of the time: the background tells something, and misleads.
HABITATS = dict(fish='water', snail='stones', mushroom='meadow', bird='sand', truck='road')
SUPERSAMPLING = 2
SIDES = (96, 160)
LEAST_VISIBLE = 0.55  # share of each object's pixels


@dataclass(frozen=True)
class Scene:
    """One image with its truth.

    Attributes:
        image (np.ndarray): uint8 (H, W, 3) RGB.
        mask (np.ndarray): uint8 (H, W), labels of ``CLASSES``; 255 on outlines, where a pixel is
            partly object and partly not.
        tags (tuple[int, ...]): Labels in the mask, ascending, without background; may be empty.
    """

    image: np.ndarray
    mask: np.ndarray
    tags: tuple[int, ...]


def draw_scene(seed: int, index: int) -> Scene:
    """Draw a scene.

    Args:
        seed (int): Of the data set.
        index (int): Of the scene in it; scenes do not depend on one another.

    Returns:
        Scene: 96 to 160 pixels a side, up to three classes.
    """
    attempt = 0
    while True:
        scene = _try_scene(np.random.default_rng([seed, index, attempt]))
        if scene is not None:
            return scene
        attempt += 1


def _try_scene(rng: np.random.Generator) -> Scene | None:
    """Draw a scene, or give None if too little of an object can be seen."""
    height, width = (int(side) for side in rng.integers(SIDES[0] // 8, SIDES[1] // 8 + 1, 2) * 8)
    shape = (height * SUPERSAMPLING, width * SUPERSAMPLING)
    # About one scene in 25 shows clutter alone.
    num_classes = rng.choice(4, p=(0.04, 0.36, 0.4, 0.2))
    labels = 1 + rng.permutation(len(OBJECTS))[:num_classes]
    objects = [int(label) for label in labels for _ in range(1 + (rng.random() < 0.2))]

    canvas = _draw_grounds(objects, shape, rng)
    label_map = np.zeros(shape, np.uint8)
    for _ in range(rng.integers(2, 6)):
        brush = _place(shape, rng, 0.08, 0.25, 60)
        CLUTTER[rng.integers(len(CLUTTER))](brush, rng)
        _paint(canvas, brush, rng)
    painted = []
    for label in rng.permutation(objects) if objects else ():
        brush = _place(shape, rng, 0.17, 0.36, 25)
        OBJECTS[CLASSES[label]](brush, rng)
        _paint(canvas, brush, rng)
        label_map[brush.covered > 0] = label
        for _, covered in painted:
            covered &= ~brush.covered
        painted.append((cv2.countNonZero(brush.covered), brush.covered.copy()))
    for _ in range(rng.integers(0, 3)):
        brush = _place(shape, rng, 0.06, 0.14, 30)
        OCCLUDERS[rng.integers(len(OCCLUDERS))](brush, rng)
        _paint(canvas, brush, rng)
        label_map[brush.covered > 0] = 0
        for _, covered in painted:
            covered &= ~brush.covered
    for total, covered in painted:
        if cv2.countNonZero(covered) < max(LEAST_VISIBLE * total, 150 * SUPERSAMPLING**2):
            return None

    image = _light(cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA), rng)
    mask = _reduce(label_map, height, width)
    tags = tuple(int(label) for label in np.unique(mask) if 0 < label < 255)
    return Scene(image, mask, tags) if tags == tuple(sorted(set(objects))) else None


def _draw_grounds(
    objects: list[int], shape: tuple[int, int], rng: np.random.Generator
) -> np.ndarray:
    """Draw one ground, a patch of another in it."""
    names = list(GROUNDS)
    name = names[rng.integers(len(names))]
    if objects and rng.random() < 0.5:
        name = HABITATS[CLASSES[objects[0]]]
    canvas = draw_ground(name, shape, rng)
    if rng.random() < 0.6:
        other = draw_ground(names[rng.integers(len(names))], shape, rng)
        patch = smooth_noise(shape, 0.6 * min(shape), rng) > rng.uniform(0.5, 0.75)
        canvas[patch] = other[patch]
    return canvas


def _place(
    shape: tuple[int, int], rng: np.random.Generator, low: float, high: float, angle: float
) -> Brush:
    """Choose position, size (share of the shorter side per unit), rotation and mirroring."""
    size = rng.uniform(low, high) * min(shape)
    margin = min(0.8 * size, 0.3 * min(shape))
    center = rng.uniform(margin, shape[1] - margin), rng.uniform(margin, shape[0] - margin)
    return Brush(shape, center, size, rng.uniform(-angle, angle), bool(rng.random() < 0.5))


def _paint(canvas: np.ndarray, brush: Brush, rng: np.random.Generator) -> None:
    """Put a brush's layer on the canvas, with a shadow, a shading and a grain of its own."""
    shift = max(1, round(0.06 * brush.size))
    shadow = np.roll(brush.covered, (shift, shift), (0, 1))
    shadow[:shift], shadow[:, :shift] = 0, 0
    canvas[shadow > 0] *= np.float32(0.72)
    where = brush.covered > 0
    tone = 0.82 + 0.36 * smooth_noise(where.shape, 1.2 * brush.size, rng)
    tone += rng.normal(0, 0.06, where.shape).astype(np.float32)
    canvas[where] = np.clip(brush.color[where] * tone[where, None], 0, 255)


def _light(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Light the scene from one side, tint it, add noise."""
    height, width = image.shape[:2]
    angle = rng.uniform(0, 2 * np.pi)
    x, y = np.linspace(-1, 1, width), np.linspace(-1, 1, height)[:, None]
    gradient = 1 + rng.uniform(0, 0.3) * (np.cos(angle) * x + np.sin(angle) * y)
    light = rng.uniform(0.75, 1.1) * rng.uniform(0.93, 1.07, 3)
    lit = image * gradient[..., None] * light + rng.normal(0, 5, image.shape)
    return np.clip(np.round(lit), 0, 255).astype(np.uint8)


def _reduce(label_map: np.ndarray, height: int, width: int) -> np.ndarray:
    """Give each pixel the label that covers nearly all of it, 255 where none does."""
    blocks = label_map.reshape(height, SUPERSAMPLING, width, SUPERSAMPLING)
    best = np.zeros((height, width), np.int64)
    mask = np.zeros((height, width), np.uint8)
    for label in range(len(CLASSES)):
        count = (blocks == label).sum(axis=(1, 3))
        mask[count > best] = label
        best = np.maximum(best, count)
    mask[best < 0.75 * SUPERSAMPLING**2] = 255
    return mask
