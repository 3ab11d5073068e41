"""Activation maps of small objects from a second look at the window that they are in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from mmengine.config import Config
from torch import Tensor, nn

from ..registry import TASK_UTILS
from ..seeds.refine import RefinerInput, SeedRefiner
from ..seeds.zoom import Window, enlarged_size, find_window, paste_window
from ..utils.image import resize_image
from .images import SeedImage, SeedSample
from .out_of_memory import refine_within_memory
from .sources import SeedSource, build_part, build_source, part_record, part_type, supervision

if TYPE_CHECKING:
    from .settings import SeedSettings

_ACTIVATION = dict(type='ClassActivation')


@TASK_UTILS.register_module()
class ZoomedActivation(SeedSource):
    """Another source's maps, made once more of a window around each class where that is small.

    The maps of the photograph, refined, say where a class is. The window around it, enlarged to as
    many pixels as the photograph, goes through the source and the refiners as if it were a
    photograph with that one tag, under the same draws of the dropout; outside of it the class is
    not. Where a class fills most of the photograph its maps stay. This project's own, a reading.

    Args:
        source (SeedSource): Makes the maps.
        refiners (Sequence[SeedRefiner]): Refine them, all of them refiners of maps; those that come
            after, such as the dense CRF, are in ``seed_generation.refine``.
        records (Sequence[dict]): What the manifest says of the source and of each refiner.
        most (float): The sides of a window become at most so many times as long; at least 1.
        **window: Arguments of :func:`~mmseg_wsss.seeds.zoom.find_window`.

    Raises:
        ValueError: If a refiner works on scores or needs whole photographs, or an argument is out
            of its range.
    """

    def __init__(
        self,
        source: SeedSource,
        refiners: Sequence[SeedRefiner] = (),
        records: Sequence[Mapping[str, Any]] = (),
        most: float = 3.0,
        **window: Any,
    ) -> None:
        for refiner in refiners:
            name = type(refiner).__name__
            if refiner.works_on != 'maps':
                raise ValueError(
                    f'source: ZoomedActivation: {name} works on scores; it belongs in '
                    'seed_generation.refine.'
                )
            if refiner.needs_features or refiner.reads_by_id:
                raise ValueError(
                    f'source: ZoomedActivation: {name} needs the whole photograph; it belongs in '
                    'seed_generation.refine.'
                )
        self.source, self.refiners, self.records = source, list(refiners), list(records)
        self.options = dict(window, most=most)
        self.find_window = partial(find_window, **window)
        self.enlarged_size = partial(enlarged_size, most=most)
        self.find_window(torch.zeros(1, 1))  # they refuse what makes no sense
        self.enlarged_size(1, 1, 1)
        self.num_classes, self.num_channels = source.num_classes, source.num_channels
        self.views, self.flip, self.shared = source.views, source.flip, source.shared
        self.gives_features = source.gives_features
        self.supervision = supervision([source, *refiners])

    @classmethod
    def from_settings(
        cls,
        model: nn.Module | Mapping[float, nn.Module],
        settings: SeedSettings,
        source: Mapping[str, Any] = _ACTIVATION,
        refine: Sequence[Mapping[str, Any]] = (),
        **options: Any,
    ) -> ZoomedActivation:
        """Build the source that settings ask for.

        Args:
            model (nn.Module | Mapping[float, nn.Module]): The classifier, or one per dropout rate.
            settings (SeedSettings): All settings.
            source (Mapping): Type and options of the source that makes the maps.
            refine (Sequence[Mapping]): Type and options of each refiner of maps.
            **options: ``most`` and the arguments of the window, as above.
        """
        made = build_source(model, replace(settings, source=source))
        refiners = [
            build_part(one, SeedRefiner, f'source.refine[{place}]')
            for place, one in enumerate(refine)
        ]
        pairs = zip([source, *refine], [made, *refiners], strict=True)
        return cls(made, refiners, [part_record(*pair) for pair in pairs], **options)

    @classmethod
    def check_config(cls, config: Config) -> None:
        """Check that the source that makes the maps takes the classifier of a config."""
        section = (config.get('seed_generation') or {}).get('source') or {}
        own = section.get('source', _ACTIVATION)
        part_type(own, SeedSource, 'source.source').check_config(config)

    def record(self) -> dict[str, Any]:
        """What the manifest records."""
        source, *refiners = self.records
        return dict(source=source, refine=refiners, **self.options)

    def __call__(self, samples: Sequence[SeedSample]) -> list[Tensor]:
        """Make the maps of some images; the arguments are those of every source."""
        return [maps for maps, _ in self._run(samples, False)]

    def with_features(self, samples: Sequence[SeedSample]) -> list[tuple[Tensor, Tensor | None]]:
        """Make maps, and the feature maps of whole photographs."""
        return self._run(samples, True)

    @torch.inference_mode()
    def _run(self, samples: Sequence[SeedSample], keep: bool) -> list[tuple[Tensor, Tensor | None]]:
        made = self.source.maps_and_features(samples, keep)
        results = [self._refine(one, maps) for one, (maps, _) in zip(samples, made, strict=True)]
        windows: list[tuple[int, int, Window]] = []
        for number, maps in enumerate(results):
            # One window for all seeds: they differ in details, and vote on one photograph.
            for place, activation in enumerate(maps.mean(dim=0)):
                window = self.find_window(activation)
                if window is not None:
                    windows.append((number, place, window))
        looks = [
            self._look(samples[number], place, window, tuple(results[number].shape[-2:]))
            for number, place, window in windows
        ]
        again = self.source(looks) if looks else []
        for (number, place, window), look, maps in zip(windows, looks, again, strict=True):
            size = tuple(results[number].shape[-2:])
            results[number][:, place] = paste_window(size, window, self._refine(look, maps)[:, 0])
        return [(maps, features) for maps, (_, features) in zip(results, made, strict=True)]

    def _refine(self, sample: SeedSample, maps: Tensor) -> Tensor:
        if not maps.shape[1] or not self.refiners:
            return maps.clone()

        def refine(maps: Tensor) -> Tensor:
            image = resize_image(sample.image, tuple(maps.shape[-2:]), 'area')
            inputs = RefinerInput([image], [sample.info.tags])
            for refiner in self.refiners:
                maps = refiner(maps, inputs)
            return maps

        return refine_within_memory(refine, maps[None], sample.info.image_id)[0]

    def _look(
        self, sample: SeedSample, place: int, window: Window, size: tuple[int, int]
    ) -> SeedSample:
        """A window of a photograph as a photograph of its own, with one tag."""
        height, width = sample.image.shape[:2]
        top, bottom = (round(end * height / size[0]) for end in window[:2])
        left, right = (round(end * width / size[1]) for end in window[2:])
        bigger = self.enlarged_size(bottom - top, right - left, height * width)
        image = resize_image(sample.image[top:bottom, left:right], bigger)
        tag = sample.info.tags[place]
        views = [torch.from_numpy(resize_image(image, view.size(*bigger))) for view in self.views]
        info = SeedImage(sample.info.image_id, sample.info.path, (tag,))
        return SeedSample(info, image, bigger, views, sample.channels)
