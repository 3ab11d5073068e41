"""Sources of activation maps, and how the parts of seed generation are built from a config."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mmengine.config import Config
from torch import Tensor, nn

from ..registry import TASK_UTILS
from ..seeds import Seed
from ..seeds.refine import SeedRefiner
from .images import SeedImage, SeedImageDataset, SeedSample, SeedView

if TYPE_CHECKING:
    from .settings import SeedSettings


class SeedSource(ABC):
    """Gives the normalised activation maps of all seeds of images.

    A source of one's own is a subclass, registered in ``mmseg_wsss.registry.TASK_UTILS`` and named
    by ``seed_generation.source``.

    Attributes:
        num_classes (int): Foreground classes, K-1.
        views (Sequence[SeedView]): Scales at which ``SeedSample.views`` has the image; by default
            none, a source may resize ``SeedSample.image`` by itself.
        num_channels (int, optional): Channels whose weights ``SeedSample.channels`` draws; None
            for a source without dropout at seed time.
        flip (bool): Whether the draws have a second row for the mirror image.
        gives_features (bool): Whether :meth:`with_features` works.
        shared (bool): Whether one model makes all seeds.
        supervision (str): What it was made from: ``'I'``, image tags, or ``'I+S'``, image tags and
            saliency maps.
    """

    num_classes: int
    views: Sequence[SeedView] = ()
    num_channels: int | None = None
    flip: bool = False
    gives_features: bool = False
    shared: bool = True
    supervision: str = 'I'

    @classmethod
    def from_settings(
        cls, model: nn.Module | Mapping[float, nn.Module], settings: SeedSettings, **options: Any
    ) -> SeedSource:
        """Build a source.

        Args:
            model (nn.Module | Mapping[float, nn.Module]): The trained classifier, or one per
                dropout rate.
            settings (SeedSettings): All settings, e.g. ``seeds``, ``scales`` and ``device``.
            **options: Further keys of ``seed_generation.source``.
        """
        return cls(model, settings, **options)

    @classmethod  # noqa: B027  # most sources take any classifier
    def check_config(cls, config: Config) -> None:
        """Check before a training that its classifier will be one for this source.

        Args:
            config (Config): The classifier's config.

        Raises:
            ValueError: If it will not.
        """

    @abstractmethod
    def __call__(self, samples: Sequence[SeedSample]) -> list[Tensor]:
        """Make the maps of some images.

        Args:
            samples (Sequence[SeedSample]): The images, of any sizes, with tags or without.

        Returns:
            list[Tensor]: For each image (S, P, H, W) float32 in [0, 1] with P its number of tags,
            at the image's size.
        """

    def with_features(self, samples: Sequence[SeedSample]) -> list[tuple[Tensor, Tensor | None]]:
        """Make maps, and the feature maps (C, h, w) of the images; None for one without tags."""
        raise NotImplementedError(f'{type(self).__name__} gives no features.')

    def maps_and_features(
        self, samples: Sequence[SeedSample], needed: bool
    ) -> list[tuple[Tensor, Tensor | None]]:
        """Make maps, and feature maps if a refiner needs them; None without."""
        return self.with_features(samples) if needed else [(maps, None) for maps in self(samples)]

    def dataset(
        self, images: Sequence[SeedImage], seeds: Sequence[Seed], num_draws: int, random_seed: int
    ) -> SeedImageDataset:
        """Give the images with the views and the draws that this source wants of each."""
        return SeedImageDataset(
            images, self.views, seeds, self.num_channels, num_draws, random_seed, self.flip
        )


def supervision(parts: Iterable[Any]) -> str:
    """What parts of seed generation were made from: ``'I'``, tags, or ``'I+S'``, with saliency."""
    return 'I+S' if any(getattr(part, 'supervision', 'I') == 'I+S' for part in parts) else 'I'


def part_type(config: Any, base: type, key: str) -> type:
    """Find the class that a part's config names.

    Args:
        config (Any): A dict with ``type``.
        base (type): What it must be a subclass of.
        key (str): Where the config stands, for messages.

    Raises:
        ValueError: If there is no such class, or it is another kind of part.
    """
    if not isinstance(config, Mapping) or not isinstance(config.get('type'), (str, type)):
        raise ValueError(f'{key} must be a dict with a type, got {config!r}.')
    found = config['type']
    if isinstance(found, str):
        found = TASK_UTILS.get(found)
    if not (isinstance(found, type) and issubclass(found, base)):
        known = sorted(
            name
            for name, one in TASK_UTILS.module_dict.items()
            if isinstance(one, type) and issubclass(one, base)
        )
        raise ValueError(
            f'{key} has the type {config["type"]!r}, expected a {base.__name__}: '
            f'{", ".join(known)}, or one of your own, registered in a module that custom_imports '
            'names.'
        )
    return found


def build_part(config: Mapping[str, Any], base: type, key: str) -> Any:
    """Build a part other than a source.

    Raises:
        ValueError: As :func:`part_type`, or if the part refuses its options.
    """
    part = part_type(config, base, key)
    options = {name: value for name, value in config.items() if name != 'type'}
    try:
        return part(**options)
    except TypeError as error:
        raise ValueError(f'{key}: {error}') from None
    except (ValueError, OSError) as error:
        raise ValueError(f'{key}: {part.__name__}: {error}') from None


def build_source(
    model: nn.Module | Mapping[float, nn.Module], settings: SeedSettings
) -> SeedSource:
    """Build the source that settings name.

    Raises:
        ValueError: As :func:`part_type`, or if the source refuses its options or the model.
    """
    part = part_type(settings.source, SeedSource, 'source')
    options = {name: value for name, value in settings.source.items() if name != 'type'}
    try:
        return part.from_settings(model, settings, **options)
    except TypeError as error:
        raise ValueError(f'source: {error}') from None


def part_record(config: Mapping[str, Any], part: Any) -> dict[str, Any]:
    """Give what the manifest records of a part: its type and all that changes its result.

    That is its config, unless the part has a method ``record`` that says otherwise, such as one
    with weights.
    """
    kind = config['type'] if isinstance(config['type'], str) else config['type'].__name__
    options = part.record() if hasattr(part, 'record') else config
    return {**options, 'type': kind}


def check_features(source: SeedSource, refiners: Sequence[SeedRefiner]) -> bool:
    """Whether features are needed.

    Raises:
        ValueError: If a refiner needs features and the source gives none.
    """
    needing = [type(refiner).__name__ for refiner in refiners if refiner.needs_features]
    if needing and not source.gives_features:
        raise ValueError(
            f'{needing[0]} needs feature maps, and the source {type(source).__name__} gives none; '
            'use another source or leave the refiner out.'
        )
    return bool(needing)
