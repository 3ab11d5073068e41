"""The settings of seed generation: the ``seed_generation`` section of a classifier's config."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from math import inf
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from torch import Tensor

from ..seeds import PAPER_SEEDS, TIES, Seed
from ..seeds.background import Background, list_backgrounds
from ..seeds.refine import REFINE_KINDS, DenseCRFRefiner, RefinerInput, SeedRefiner, list_refiners
from ..store import MANIFEST_NAME, SeedManifest
from ..utils.mixed_precision import read_amp
from .config_content import plain
from .images import SeedImage, check_seed_images, read_images
from .pipeline import KEEP_KINDS
from .sources import SeedSource, build_part, part_record, part_type, supervision

# A mask is 8-bit and 255 means "no vote".
MAX_CLASSES = 255


class BackgroundScore(ABC):
    """A background score of one's own, registered in ``mmseg_wsss.registry.TASK_UTILS``."""

    @abstractmethod
    def __call__(self, maps: Tensor, inputs: RefinerInput) -> Tensor:
        """Score the background.

        Args:
            maps (Tensor): (B, S, P, H, W) float32 in [0, 1].
            inputs (RefinerInput): The images.

        Returns:
            Tensor: (B, S, 1, H, W), values in [0, 1].
        """


@dataclass(frozen=True)
class SeedSettings:
    """All that says how seeds are made, checked when it is built.

    Attributes:
        seeds (Sequence): Seeds, or (dropout, scale) pairs. By default the paper's six.
        scales (Sequence[float]): The multi-scale set that each seed's scale multiplies; (1.0,)
            gives single-scale maps.
        flip (bool): Whether to use the mirror images as well.
        num_draws (int): Draws of Dropout2d per seed and view, averaged.
        random_seed (int): What all draws start from.
        source (Mapping): The :class:`~mmseg_wsss.generation.sources.SeedSource` that gives the
            activation maps, by its ``type`` and options.
        background (Mapping | Sequence[Mapping], optional): Arguments of
            :func:`mmseg_wsss.seeds.background_score`, or the ``type`` and options of a
            :class:`BackgroundScore`; of several, each seed takes the next in turn. The
            ``threshold`` may be ``'auto'``, with ``labels`` (a seed root) or without, see
            :func:`~mmseg_wsss.generation.background_fit.fit_background`.
        refine (str | Sequence[Mapping], optional): None or ``'none'``; ``'irn'``, ``'psa'`` or
            ``'deeplab'`` for a dense CRF alone; or the chain of
            :class:`~mmseg_wsss.seeds.refine.SeedRefiner`, each by its ``type`` and options.
        crf (Mapping): ``backend`` and ``iterations`` of the dense CRF where ``refine`` is a preset.
        aggregate (Mapping): ``tie`` of :func:`mmseg_wsss.seeds.aggregate_seeds` and
            ``seed_order``, the names of all seeds, best first.
        keep (str): ``'all'`` or ``'aggregate'`` (three small files per image, no seeds).
        device (str | torch.device): Where the network and the CRF run.
        batch_size (int, optional): Images of one size per batch. By default 1 on a CPU, 8 on a GPU.
        num_workers (int, optional): Processes that read images; 0 reads in this one. By default 1
            on a CPU, 8 on a GPU.
        num_writers (int, optional): Threads that vote and write, on a CPU refine as well; 0 does
            it in turn. By default 1 on a CPU, 4 on a GPU.
        amp (str, optional): ``'bfloat16'`` or ``'float16'`` for the backbone.
        channels_last (bool): Whether the backbone runs in channels-last memory format.
        compile_backend (str, optional): Backend of torch.compile for the backbone, ``'inductor'``
            as a rule; pays for many images on a GPU.
        dataset (Mapping, optional): Config of a ``TagsDataset``; by default that of
            ``train_dataloader``.
        dropout_checkpoints (Mapping, optional): One classifier's checkpoint per dropout rate.
        out (str, optional): The seed root; by default ``<work_dir>/seeds``.
        report (bool): Whether ``<seed root>/report.html`` is written.

    Raises:
        ValueError: If a value is invalid; the message names the key.
    """

    seeds: Sequence[Any] = PAPER_SEEDS
    scales: Sequence[float] = (0.5, 1.0, 1.5, 2.0)
    flip: bool = True
    num_draws: int = 1
    random_seed: int = 0
    source: Mapping[str, Any] = field(default_factory=lambda: dict(type='ClassActivation'))
    background: Background | None = None
    refine: str | Sequence[Mapping[str, Any]] | None = 'irn'
    crf: Mapping[str, Any] = field(default_factory=dict)
    aggregate: Mapping[str, Any] = field(default_factory=dict)
    keep: str = 'all'
    device: str | torch.device = 'cpu'
    batch_size: int | None = None
    num_workers: int | None = None
    num_writers: int | None = None
    amp: str | None = None
    channels_last: bool = True
    compile_backend: str | None = None
    dataset: Mapping[str, Any] | None = None
    dropout_checkpoints: Mapping[Any, str] | None = None
    out: str | None = None
    report: bool = True

    def __post_init__(self) -> None:
        self._check_kinds()
        self._put('seeds', tuple(s if isinstance(s, Seed) else _seed(s) for s in self.seeds or ()))
        if not self.seeds:
            raise ValueError('seeds is empty, expected at least one (dropout, scale) pair.')
        names = self.seed_names
        double = sorted({name for name in names if names.count(name) > 1})
        if double:
            raise ValueError(f'seeds names {double[0]} twice.')
        self._check_refine()
        part_type(self.source, SeedSource, 'source')
        if self.keep not in KEEP_KINDS:
            raise ValueError(f'keep must be one of {", ".join(KEEP_KINDS)}, got {self.keep!r}.')
        self._check_numbers()
        self._check_computation()
        list_backgrounds(self.build_backgrounds())
        self._check_crf()
        self._check_aggregate()

    def _put(self, key: str, value: Any) -> None:
        object.__setattr__(self, key, value)

    def _check_kinds(self) -> None:
        for key in ('flip', 'channels_last', 'report'):
            if not isinstance(getattr(self, key), bool):
                raise ValueError(f'{key} must be True or False, got {getattr(self, key)!r}.')
        for key in ('seeds', 'scales'):
            if not isinstance(getattr(self, key) or (), (list, tuple)):
                raise ValueError(f'{key} must be a list, got {getattr(self, key)!r}.')
        for key in ('crf', 'aggregate'):
            if not isinstance(getattr(self, key) or {}, Mapping):
                raise ValueError(f'{key} must be a dict, got {getattr(self, key)!r}.')

    def _check_refine(self) -> None:
        if self.refine == 'none':
            self._put('refine', None)
        if isinstance(self.refine, (list, tuple)):
            for place, one in enumerate(self.refine):
                part_type(one, SeedRefiner, f'refine[{place}]')
            if self.crf:
                raise ValueError(
                    'crf goes with a preset; where refine is a list, put backend and iterations '
                    'into its DenseCRFRefiner.'
                )
        elif self.refine is not None and self.refine not in REFINE_KINDS:
            raise ValueError(
                f'refine must be None, one of {", ".join(REFINE_KINDS)}, or a list of refiners, '
                f'got {self.refine!r}.'
            )

    def _check_numbers(self) -> None:
        scales = tuple(self.scales or ())
        if not scales or not all(type(one) in (int, float) and 0 < one < inf for one in scales):
            raise ValueError(f'scales must be numbers above 0, got {self.scales!r}.')
        self._put('scales', scales)
        for key, least in (
            ('num_draws', 1),
            ('batch_size', 1),
            ('num_workers', 0),
            ('num_writers', 0),
        ):
            value = getattr(self, key)
            if value is not None and (type(value) is not int or value < least):
                raise ValueError(f'{key} must be an integer of at least {least}, got {value!r}.')
        if type(self.random_seed) is not int:
            raise ValueError(f'random_seed must be an integer, got {self.random_seed!r}.')

    def _check_computation(self) -> None:
        read_amp(self.amp)
        try:
            torch.device(self.device)
        except (RuntimeError, TypeError):
            raise ValueError(f'device is {self.device!r}, expected e.g. cpu or cuda:0.') from None
        if self.compile_backend is not None:
            known = torch._dynamo.list_backends(exclude_tags=())
            if self.compile_backend not in known:
                raise ValueError(
                    f'compile_backend is {self.compile_backend!r}, expected one of '
                    f'{", ".join(sorted(known))}.'
                )

    def _check_crf(self) -> None:
        self._put('crf', dict(self.crf or {}))
        try:
            preset = self.refine if isinstance(self.refine, str) else 'irn'
            DenseCRFRefiner(preset, **self.crf)
        except (TypeError, ValueError) as error:
            raise ValueError(f'crf: {error}') from None

    def _check_aggregate(self) -> None:
        aggregate = {'tie': 'lowest', **(self.aggregate or {})}
        unknown = sorted(set(aggregate) - {'tie', 'seed_order'})
        if unknown:
            raise ValueError(f'aggregate has no {unknown[0]!r}; it may hold tie and seed_order.')
        if aggregate['tie'] not in TIES:
            raise ValueError(
                f'aggregate.tie must be one of {", ".join(TIES)}, got {aggregate["tie"]!r}.'
            )
        order, names = aggregate.get('seed_order'), self.seed_names
        if order is not None and sorted(order) != sorted(names):
            raise ValueError(
                f'aggregate.seed_order must name every seed once, best first: {names}, got '
                f'{list(order)}.'
            )
        self._put('aggregate', aggregate)

    @classmethod
    def from_config(cls, config: Config, **options: Any) -> SeedSettings:
        """Read the settings of a classifier's config.

        Args:
            config (Config): The config; its section ``seed_generation`` may hold every attribute
                of this class.
            **options: Replace keys of the section.

        Returns:
            SeedSettings: With the data set found.

        Raises:
            ValueError: If a key is unknown, a value is invalid, or there is no data set.
        """
        section = config.get('seed_generation', None) or {}
        if not isinstance(section, Mapping):
            raise ValueError(f'seed_generation must be a dict, got {section!r}.')
        section = {**plain(section), **plain(options)}
        known = [one.name for one in fields(cls)]
        unknown = [key for key in section if key not in known]
        if unknown:
            raise ValueError(
                f'The section seed_generation of the config has an unknown key {unknown[0]!r}; it '
                f'may hold {", ".join(known)}.'
            )
        if section.get('dataset') is None:
            section['dataset'] = plain(config.get('train_dataloader', {}).get('dataset'))
        if section['dataset'] is None:
            raise ValueError(
                'The config has neither seed_generation.dataset nor train_dataloader.dataset: '
                'there are no images to make seeds of.'
            )
        try:
            return cls(**section)
        except ValueError as error:
            raise ValueError(f'The section seed_generation of the config: {error}') from None

    @property
    def seed_names(self) -> list[str]:
        """Names of the seeds, in the order of their votes."""
        return [seed.name for seed in self.seeds]

    @property
    def backgrounds(self) -> list[dict[str, Any]]:
        """The configs of the background scores that seeds take in turn."""
        background = self.background or {}
        return [plain(background)] if isinstance(background, Mapping) else list(plain(background))

    @property
    def fits_background(self) -> bool:
        """Whether the background threshold is to be found from the activations."""
        return any(one.get('threshold') == 'auto' for one in self.backgrounds)

    @property
    def background_labels(self) -> str | None:
        """The seed root that an automatic threshold looks at; None without one."""
        found = [one.get('labels') for one in self.backgrounds if one.get('threshold') == 'auto']
        return next((root for root in found if root is not None), None)

    def build_backgrounds(self, threshold: float = 0.5) -> Background:
        """Build the background scores.

        Args:
            threshold (float): Stands for ``'auto'``.

        Raises:
            ValueError: If there is no such score or it refuses its options.
        """
        if not isinstance(self.background or {}, (Mapping, list, tuple)):
            raise ValueError(f'background must be one dict or a list, got {self.background!r}.')
        built = []
        for one in self.backgrounds:
            if isinstance(one, Mapping) and 'type' in one:
                one = build_part(one, BackgroundScore, 'background')
            elif isinstance(one, Mapping) and one.get('threshold') == 'auto':
                one = {key: one[key] for key in one if key != 'labels'} | dict(threshold=threshold)
            built.append(one)
        return built

    @property
    def refiner_configs(self) -> list[dict[str, Any]]:
        """The configs of the chain of refiners, a preset written out."""
        if self.refine is None:
            return []
        if isinstance(self.refine, str):
            return [dict(type='DenseCRFRefiner', preset=self.refine, **self.crf)]
        return [plain(dict(one)) for one in self.refine]

    def build_refiners(self) -> list[SeedRefiner]:
        """Build the chain of refiners; those with weights read them.

        Raises:
            ValueError: If a refiner refuses its options, a file of it is missing, or one of maps
                comes after one of scores.
        """
        refiners = [
            build_part(one, SeedRefiner, f'refine[{place}]')
            for place, one in enumerate(self.refiner_configs)
        ]
        return list_refiners(refiners)

    def parameters(self, source: SeedSource, refiners: Sequence[SeedRefiner]) -> dict[str, Any]:
        """Give what a manifest records: everything that changes a mask, nothing that does not.

        A threshold that was found comes besides, as ``background_fit``.

        Args:
            source (SeedSource): Of :func:`~mmseg_wsss.generation.sources.build_source`.
            refiners (Sequence[SeedRefiner]): Of :meth:`build_refiners`.
        """
        return dict(
            supervision=supervision([source, *refiners]),
            mode='inference' if source.shared else 'training',
            source=part_record(plain(dict(self.source)), source),
            scales=list(self.scales),
            flip=self.flip,
            num_draws=self.num_draws,
            random_seed=self.random_seed,
            background=self.backgrounds,
            refine=[
                part_record(config, refiner)
                for config, refiner in zip(self.refiner_configs, refiners, strict=True)
            ],
            keep=self.keep,
            amp=self.amp,
            compile_backend=self.compile_backend,
        )

    def read_images(self) -> tuple[list[SeedImage], list[str], list | None]:
        """List the images of the data set and check that seeds can be made of them.

        Returns:
            tuple: As :func:`~mmseg_wsss.generation.images.read_images` gives it.

        Raises:
            ValueError: As that function, or if there is no image, an id comes twice, or there are
                too many classes for 8-bit masks.
        """
        images, classes, palette = read_images(self.dataset)
        if self.background_labels is not None:
            manifest = SeedManifest.load(Path(self.background_labels) / MANIFEST_NAME)
            if manifest.classes != classes:
                raise ValueError(
                    f'{self.background_labels}: the labels of the background threshold are of '
                    f'other classes ({", ".join(manifest.classes[:4])}, ...) than the data set '
                    f'({", ".join(classes[:4])}, ...).'
                )
        if len(classes) > MAX_CLASSES:
            raise ValueError(
                f'The data set has {len(classes) - 1} foreground classes; 8-bit masks hold at most '
                f'{MAX_CLASSES - 1}.'
            )
        check_seed_images(images, len(classes))
        return images, classes, palette


def _seed(pair: Any) -> Seed:
    try:
        return Seed(*pair)
    except TypeError:
        raise ValueError(f'seeds holds {pair!r}, expected (dropout, scale) pairs.') from None
