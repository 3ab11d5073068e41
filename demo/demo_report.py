"""The pictures and the page that demo/demo.py ends with."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from mmengine.config import Config
from PIL import Image

from mmseg_wsss.apis import Inferencer
from mmseg_wsss.datasets import read_split
from mmseg_wsss.generation import class_activation, load_classifier
from mmseg_wsss.reporting import (
    Code,
    FigureRow,
    Key,
    Page,
    Rows,
    Section,
    Table,
    activation_picture,
    agreement_picture,
    blend,
    color_mask,
    picture_sheet,
    prediction_figures,
    seed_figures,
)
from mmseg_wsss.store import AGGREGATED_FOLDER, AGREEMENT_FOLDER, SeedManifest, read_mask
from mmseg_wsss.utils.atomic import write_atomic
from mmseg_wsss.utils.image import read_image

NUM_TRAIN, NUM_TEST, NUM_OVERVIEW = 4, 6, 3
NETWORKS = dict(
    plain='network, plain cross-entropy on the aggregate',
    hybrid='network, hybrid learning on the aggregate',
    full='network, fully supervised',
)


def score_rows(scores: Mapping) -> list[tuple[str, str, float]]:
    """Rows of the demo's table: what, on which scenes, mIoU in percent."""
    rows = [
        (name if name == AGGREGATED_FOLDER else f'seed {name}', 'training', value)
        for name, value in scores['seeds'].items()
    ]
    return rows + [(title, 'unseen', scores[name]) for name, title in NETWORKS.items()]


def share_of_supervised(scores: Mapping) -> float:
    """MIoU of the hybrid network in percent of that of the fully supervised one."""
    return 100 * scores['hybrid'] / scores['full']


def write_report(out: Path, classifier: Config, scores: Mapping) -> Path:
    """Write ``report.html`` and ``pictures/``.

    Args:
        out (Path): The demo's folder, all steps done.
        classifier (Config): Config of the classifier.
        scores (Mapping): The demo's scores.

    Returns:
        Path: The page.
    """
    manifest = SeedManifest.load(out / 'run' / 'seeds' / 'manifest.json')
    train = _training_rows(out, classifier, manifest)
    test = _test_rows(out, manifest)
    sheets = dict(
        # Pictures of a row differ in number with the tags; the report names each of them.
        training=dict(captions=[row.figures[0][1] for row in train]),
        unseen=dict(titles=[text for _, text in test[0].figures]),
    )
    for (name, texts), rows in zip(sheets.items(), (train, test), strict=True):
        sheet = picture_sheet([[picture for picture, _ in row.figures] for row in rows], **texts)
        _write_picture(out / 'pictures' / f'{name}.png', sheet)
    _write_picture(out / 'pictures' / 'overview.png', _overview(out, classifier, manifest))
    page = out / 'report.html'
    write_atomic(page, _page(manifest, scores, train, test).encode())
    return page


def _write_picture(path: Path, picture: np.ndarray) -> None:
    content = io.BytesIO()
    Image.fromarray(picture).save(content, 'PNG', optimize=True)
    path.parent.mkdir(exist_ok=True)
    write_atomic(path, content.getvalue())


def _overview(out: Path, classifier: Config, manifest: SeedManifest) -> np.ndarray:
    """Show the whole chain on a few training scenes, in labelled columns."""
    names = manifest.seed_names
    columns = ['image', 'activation map', f'seed {names[0]}', f'seed {names[1]}', 'vote of seeds']
    columns += ['agreement', 'network', 'ground truth']
    network = Inferencer(sorted((out / 'run' / 'network').glob('iter_*.pth'))[-1], device='cpu')
    rows, captions = [], []
    for image_id, activation in _activations(out, classifier, NUM_OVERVIEW).items():
        image = _image(out, image_id)
        tag = next(iter(activation))
        (prediction,) = network(image)
        masks = [
            read_mask(out / 'run' / 'seeds' / name / f'{image_id}.png')
            for name in (names[0], names[1], AGGREGATED_FOLDER)
        ]
        masks += [prediction.mask, _truth(out, image_id)]
        painted = [blend(image, color_mask(mask, manifest.palette)) for mask in masks]
        agreement = read_mask(out / 'run' / 'seeds' / AGREEMENT_FOLDER / f'{image_id}.png')
        painted.insert(3, agreement_picture(agreement, len(names)))
        rows.append([image, activation_picture(image, activation[tag]), *painted])
        captions.append(f'tags: {", ".join(activation)}; activation map of {tag}')
    return picture_sheet(rows, columns, captions, cell=108)


def _activations(out: Path, classifier: Config, number: int) -> dict[str, dict[str, np.ndarray]]:
    """Activation maps of the scenes with the most to see: several classes in one."""
    checkpoint = out / 'run' / 'classifier' / f'epoch_{classifier.train_cfg.max_epochs}.pth'
    ids = sorted(
        read_split(out / 'data' / 'train.txt'),
        key=lambda name: -len(_labels(_truth(out, name))),
    )[:number]
    return class_activation(classifier, load_classifier(classifier, checkpoint), ids)


def _training_rows(out: Path, classifier: Config, manifest: SeedManifest) -> list[FigureRow]:
    rows = []
    for image_id, activation in _activations(out, classifier, NUM_TRAIN).items():
        agreement = read_mask(out / 'run' / 'seeds' / AGREEMENT_FOLDER / f'{image_id}.png')
        figures = seed_figures(
            _image(out, image_id),
            activation,
            {
                name: read_mask(out / 'run' / 'seeds' / name / f'{image_id}.png')
                for name in manifest.seed_names
            },
            read_mask(out / 'run' / 'seeds' / AGGREGATED_FOLDER / f'{image_id}.png'),
            agreement,
            _truth(out, image_id),
            manifest.palette,
        )
        unanimous = float((agreement == len(manifest.seeds)).mean())
        rows.append(FigureRow(image_id, figures, list(activation), unanimous))
    return rows


def _test_rows(out: Path, manifest: SeedManifest) -> list[FigureRow]:
    rows = []
    for image_id in read_split(out / 'data' / 'val.txt')[:NUM_TEST]:
        truth = _truth(out, image_id)
        figures = prediction_figures(
            _image(out, image_id),
            {name: read_mask(_masks(out, name) / f'{image_id}.png') for name in NETWORKS},
            truth,
            manifest.palette,
        )
        shown = [manifest.classes[label] for label in _labels(truth)]
        rows.append(FigureRow(image_id, figures, shown))
    return rows


def _image(out: Path, image_id: str) -> np.ndarray:
    return read_image(str(out / 'data' / 'images' / f'{image_id}.jpg'))


def _masks(out: Path, network: str) -> Path:
    return out / 'run' / 'test' / 'masks' if network == 'hybrid' else out / network / 'masks'


def _truth(out: Path, image_id: str) -> np.ndarray:
    return read_mask(out / 'data' / 'masks' / f'{image_id}.png')


def _labels(mask: np.ndarray) -> list[int]:
    """Foreground labels of a mask."""
    return sorted({int(label) for label in np.unique(mask)} - {0, 255})


def _page(
    manifest: SeedManifest,
    scores: Mapping,
    train: Sequence[FigureRow],
    test: Sequence[FigureRow],
) -> str:
    rows = score_rows(scores)
    table = Table(
        'Scores',
        ['what', 'scenes', 'mIoU, %'],
        rows,
        'Seeds are scored on the training scenes, networks on scenes nobody has seen.',
        bar=2,
        strong=[len(rows) - 2],
    )
    seeds = scores['seeds']
    return Page(
        'mmseg_wsss: from tags to a segmentation network',
        [
            Section(
                'From tags to labels',
                [
                    f'Each of {len(manifest.seed_names)} seeds is an activation map under another '
                    'dropout rate and image scale, refined by a dense CRF; its name says '
                    'dropout-scale. The aggregate is their vote. White agreement is unanimous, and '
                    'only that is learnt as a certain label.',
                    Key(list(zip(manifest.classes, manifest.palette, strict=True))),
                    Rows(train, manifest.classes),
                    'More of the seeds: run/seeds/report.html; of the run: run/report.html.',
                ],
            ),
            Section(
                'Unseen scenes',
                [
                    'Trained on the aggregate (plain, hybrid), and fully supervised (full).',
                    Rows(test, manifest.classes),
                ],
            ),
            Section('Scores', [table]),
            Section('Make it again', [Code('rm -r demo_output\nmake demo')]),
        ],
        lead=[
            'Networks trained from image-level tags alone, on scenes that this demo generates. '
            'Masks were used for the scores and for the fully supervised network, nowhere else.'
        ],
        figures=[
            ('mIoU of the aggregate, training scenes', f'{seeds[AGGREGATED_FOLDER]:.1f} %'),
            ('mIoU of hybrid learning, unseen scenes', f'{scores["hybrid"]:.1f} %'),
            ('of the fully supervised network', f'{share_of_supervised(scores):.1f} %'),
        ],
    ).html()
