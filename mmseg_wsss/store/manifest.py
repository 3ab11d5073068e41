"""The manifest of a seed root: all that decides what its masks mean."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..seeds.codec import IGNORE_INDEX
from ..seeds.vote import TIES
from ..utils.atomic import write_atomic
from .image_ids import check_image_id
from .image_records import RECORDS_FOLDER

MANIFEST_NAME = 'manifest.json'
AGGREGATED_FOLDER = 'aggregated'
AGREEMENT_FOLDER = 'agreement'
LOSING_VOTES_FOLDER = 'losing_votes'
# What the vote gives of each image.
MASK_FOLDERS = (AGGREGATED_FOLDER, AGREEMENT_FOLDER, LOSING_VOTES_FOLDER)
CORRECTED_FOLDER = 'corrected'
SCHEMA_VERSION = 1
# What masks were made from, in the words of the field; ``parameters['supervision']``.
SUPERVISIONS = {'I': 'I (image tags)', 'I+S': 'I+S (image tags and saliency maps)'}


@dataclass
class SeedManifest:
    """What the masks of a seed root are and what they were made from.

    Two manifests whose :meth:`settings` do not differ stand for masks made alike, so a run that
    finds its own settings resumes and one that finds others refuses. Which images there are, and
    what each was made of, is looked at image by image, see
    :class:`~mmseg_wsss.store.ImageRecord`. Nothing in it depends on time, order of work or the
    number of processes.

    Args:
        classes (Sequence[str]): Class names, background first, 1 to 255.
        palette (Sequence[Sequence[int]]): One RGB colour per class.
        seeds (Sequence[dict]): Of each seed ``name`` (its folder), ``dropout`` and ``scale`` (None
            for masks made by other means), in the order of their votes.
        images (Sequence[str]): All image ids.
        ignore_index (int): Label of a seed without a vote.
        tie (str): See :func:`~mmseg_wsss.seeds.aggregate_seeds`.
        seed_order (Sequence[str], optional): Names of the seeds, best first, for
            ``tie='seed_order'``.
        parameters (dict): Whatever else the masks depend on; JSON values only.
        config_sha256 (str, optional): Hash of the config that made the seeds.
        checkpoint_sha256 (str, optional): Hash of the checkpoint that made the seeds.
        schema_version (int): Version of this format.
        corrected (Sequence[str]): Ids of the images whose aggregate is a mask that a person
            corrected, see :class:`~mmseg_wsss.store.Corrections`; not in the file if there is none.

    Raises:
        ValueError: If a field is not what is described here.

    Examples:
        >>> manifest = SeedManifest(
        ...     classes=['background', 'cat'],
        ...     palette=[[0, 0, 0], [128, 0, 0]],
        ...     seeds=[dict(name='0.05-1.00', dropout=0.05, scale=1.0)],
        ...     images=['a', 'b'],
        ... )
        >>> manifest.seed_names
        ['0.05-1.00']
        >>> SeedManifest.from_bytes(manifest.to_bytes(), 'manifest.json') == manifest
        True
    """

    classes: Sequence[str]
    palette: Sequence[Sequence[int]]
    seeds: Sequence[dict]
    images: Sequence[str]
    ignore_index: int = IGNORE_INDEX
    tie: str = 'lowest'
    seed_order: Sequence[str] | None = None
    parameters: dict = field(default_factory=dict)
    config_sha256: str | None = None
    checkpoint_sha256: str | None = None
    schema_version: int = SCHEMA_VERSION
    corrected: Sequence[str] = ()

    def __post_init__(self) -> None:
        # One round through JSON, so that a manifest equals itself after writing and reading.
        try:
            values = json.loads(json.dumps(dataclasses.asdict(self), allow_nan=False))
        except (TypeError, ValueError, RecursionError) as error:
            raise ValueError(f'manifest: a value cannot be written as JSON ({error})') from None
        _check(values)
        for name, value in values.items():
            setattr(self, name, value)

    @property
    def seed_names(self) -> list[str]:
        """Names of the seeds, which are their folders, in the order of their votes."""
        return [seed['name'] for seed in self.seeds]

    @property
    def supervision(self) -> str | None:
        """What the masks were made from, in words; None where nobody knows."""
        made_from = SUPERVISIONS.get(self.parameters.get('supervision'))
        corrected = f'{len(self.corrected)} of {len(self.images)} images corrected by hand'
        parts = [made_from] * bool(made_from) + [corrected] * bool(self.corrected)
        return ', '.join(parts) or None

    @property
    def seed_positions(self) -> list[int] | None:
        """``seed_order`` as indices of the seeds, as ``aggregate_seeds`` takes it."""
        names = self.seed_names
        return [names.index(name) for name in self.seed_order] if self.seed_order else None

    @classmethod
    def load(cls, path: str | os.PathLike) -> SeedManifest:
        """Read a manifest.

        Args:
            path (str | os.PathLike): ``manifest.json`` of a seed root.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is damaged, of another schema version, or a field is invalid.
        """
        try:
            content = Path(path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise FileNotFoundError(
                f'{path}: there is no manifest; expected a folder that tools/make_seeds.py or '
                'tools/aggregate_seeds.py wrote'
            ) from None
        return cls.from_bytes(content, str(path))

    @classmethod
    def from_bytes(cls, content: bytes, name: str) -> SeedManifest:
        """Read the content of a manifest file; ``name`` is its path, for messages."""
        try:
            values = json.loads(content.decode('utf-8'))
        except (ValueError, RecursionError) as error:
            raise ValueError(f'{name}: the manifest is damaged ({error})') from None
        if not isinstance(values, dict):
            raise ValueError(f'{name}: the manifest is damaged (no JSON object)')
        version = values.get('schema_version')
        if version != SCHEMA_VERSION or isinstance(version, bool):
            raise ValueError(f'{name}: schema version {version!r}, expected {SCHEMA_VERSION}')
        fields = dataclasses.fields(cls)
        unknown = sorted(set(values) - {one.name for one in fields})
        missing = sorted({one.name for one in fields} - set(values) - {'corrected'})
        if unknown or missing:
            raise ValueError(f'{name}: unknown fields {unknown}, missing fields {missing}')
        try:
            return cls(**values)
        except ValueError as error:
            raise ValueError(f'{name}: {error}') from None

    def to_bytes(self) -> bytes:
        """Give the content of the manifest file, UTF-8 JSON; equal manifests give equal bytes."""
        values = dataclasses.asdict(self)
        if not self.corrected:
            del values['corrected']
        return (json.dumps(values, indent=1, sort_keys=True, ensure_ascii=False) + '\n').encode()

    def save(self, path: str | os.PathLike) -> None:
        """Write the manifest atomically."""
        write_atomic(path, self.to_bytes())

    def settings(self) -> SeedManifest:
        """Give how the masks are made, whatever the images.

        Returns:
            SeedManifest: Without the lists of images and without where they and their tags lie (the
            data set of ``parameters['config']``).
        """
        parameters, digest = dict(self.parameters), self.config_sha256
        config = parameters.get('config')
        if isinstance(config, dict):
            # The hash is that of the whole config, which says nothing beyond it.
            parameters['config'] = {key: config[key] for key in config if key != 'dataset'}
            digest = None
        return dataclasses.replace(
            self, images=[], corrected=[], parameters=parameters, config_sha256=digest
        )

    def differences(self, other: SeedManifest) -> list[str]:
        """List how another manifest differs from this one, one line each; empty if equal.

        Args:
            other (SeedManifest): The manifest to compare with.

        Returns:
            list[str]: E.g. ``"parameters.iterations: 10 here, 5 there"``; long lists are named by
            their first difference.
        """
        lines: list[str] = []
        for one in dataclasses.fields(self):
            _compare(one.name, getattr(self, one.name), getattr(other, one.name), lines)
        if any(line.startswith('parameters.config') for line in lines):
            # The keys that differ say more than the hash of all of them.
            lines = [line for line in lines if not line.startswith('config_sha256')]
        return lines


def _compare(name: str, here: object, there: object, lines: list[str]) -> None:
    if here == there and isinstance(here, bool) == isinstance(there, bool):
        return
    if isinstance(here, dict) and isinstance(there, dict):
        for key in sorted(set(here) | set(there)):
            if key not in here or key not in there:
                lines.append(f'{name}.{key}: only {"here" if key in here else "there"}')
            else:
                _compare(f'{name}.{key}', here[key], there[key], lines)
    elif isinstance(here, list) and isinstance(there, list) and len(here) + len(there) > 12:
        first = next(
            (i for i, (a, b) in enumerate(zip(here, there, strict=False)) if a != b),
            min(len(here), len(there)),
        )
        ours = repr(here[first]) if first < len(here) else 'none'
        theirs = repr(there[first]) if first < len(there) else 'none'
        lines.append(
            f'{name}: {len(here)} here, {len(there)} there; first difference at {first}: '
            f'{ours} here, {theirs} there'
        )
    else:
        lines.append(f'{name}: {here!r} here, {there!r} there')


def check_seed_name(name: str) -> str:
    """Make sure that a seed's name can be a folder of the seed root; return it.

    Raises:
        ValueError: If it is no plain name or one of the root's own folders.
    """
    check_image_id(name, f'seed {name!r}')
    own = (*MASK_FOLDERS, CORRECTED_FOLDER, RECORDS_FOLDER, MANIFEST_NAME)
    if '/' in name or name in own:
        raise ValueError(f'seed {name!r}: expected one folder name other than the root uses itself')
    return name


def _check(values: dict) -> None:
    """Check the fields of a manifest, all plain JSON values."""

    def expect(condition: bool, name: str, what: str) -> None:
        if not condition:
            shown = repr(values[name])
            shown = shown if len(shown) <= 120 else shown[:120] + '...'
            raise ValueError(f'manifest: {name} is {shown}, expected {what}')

    def texts(name: str) -> bool:
        value = values[name]
        return isinstance(value, list) and all(isinstance(text, str) and text for text in value)

    def unique(name: str) -> bool:
        return len(set(values[name])) == len(values[name])

    def byte(value: object) -> bool:
        return type(value) is int and 0 <= value <= 255

    expect(
        texts('classes') and 1 <= len(values['classes']) <= 255 and unique('classes'),
        'classes',
        '1 to 255 different class names',
    )
    expect(
        isinstance(values['palette'], list)
        and len(values['palette']) == len(values['classes'])
        and all(
            isinstance(color, list) and len(color) == 3 and all(map(byte, color))
            for color in values['palette']
        ),
        'palette',
        f'{len(values["classes"])} RGB colours, 0 to 255, one per class',
    )
    expect(
        isinstance(values['seeds'], list)
        and 1 <= len(values['seeds']) <= 255
        and all(
            isinstance(seed, dict)
            and set(seed) == {'name', 'dropout', 'scale'}
            and isinstance(seed['name'], str)
            for seed in values['seeds']
        ),
        'seeds',
        '1 to 255 seeds of name, dropout and scale',
    )
    names = [check_seed_name(seed['name']) for seed in values['seeds']]
    expect(len(set(names)) == len(names), 'seeds', 'different names')
    expect(texts('images') and unique('images'), 'images', 'different image ids')
    for image_id in values['images']:
        check_image_id(image_id, 'manifest: images')
    expect(
        texts('corrected')
        and unique('corrected')
        and set(values['corrected']) <= {*values['images']},
        'corrected',
        'different ids of the images',
    )
    expect(byte(values['ignore_index']), 'ignore_index', '0 to 255')
    expect(values['tie'] in TIES, 'tie', f'one of {", ".join(TIES)}')
    order = values['seed_order']
    ordered = values['tie'] == 'seed_order' and texts('seed_order') and sorted(order)
    expect(
        order is None or ordered == sorted(names),
        'seed_order',
        "null or, with tie 'seed_order', the name of every seed once",
    )
    expect(isinstance(values['parameters'], dict), 'parameters', 'an object')
    for name in ('config_sha256', 'checkpoint_sha256'):
        expect(values[name] is None or isinstance(values[name], str), name, 'null or a hash')
    expect(values['schema_version'] == SCHEMA_VERSION, 'schema_version', str(SCHEMA_VERSION))
