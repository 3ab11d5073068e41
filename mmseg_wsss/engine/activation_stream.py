"""Activation maps of images, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from mmseg_wsss.seeds import Seed

from .activation_extractor import ActivationExtractor
from .seed_image import SeedImage
from .seed_image_dataset import SeedImageDataset, SeedSample


def activation_stream(
    section: Mapping,
    model: nn.Module,
    images: Sequence[SeedImage],
    seeds: Sequence[Seed],
    device: str | torch.device = 'cpu',
) -> Iterator[tuple[SeedSample, Tensor]]:
    """Make the activation maps that the seeds of a config start from.

    Args:
        section (Mapping): The ``seed_generation`` section of the classifier's config.
        model (nn.Module): The trained classifier.
        images (Sequence[SeedImage]): The images.
        seeds (Sequence[Seed]): Whose maps, with their own dropout and scale.
        device (str | torch.device): Where the network runs.

    Yields:
        tuple[SeedSample, Tensor]: The image and its maps, float32 (S, P, H, W) in [0, 1] with P its
        number of tags; smaller than the image where memory does not suffice.

    Raises:
        ValueError: As :class:`ActivationExtractor`.
    """
    keys = ('scales', 'flip', 'amp', 'channels_last')
    options = {key: section[key] for key in keys if key in section}
    extractor = ActivationExtractor(model, seeds, device=device, **options)
    samples = SeedImageDataset(
        images,
        extractor.views,
        extractor.seeds,
        extractor.num_channels,
        section.get('num_draws', 1),
        section.get('random_seed', 0),
        extractor.flip,
    )
    for index in range(len(samples)):
        sample = samples[index]
        (maps,) = extractor([sample])
        yield sample, maps
