"""The pictures and the page that demo/demo.py ends with."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from mmengine.config import Config
from PIL import Image

from mmseg_wsss.datasets import read_split
from mmseg_wsss.generation import class_activation, load_classifier
from mmseg_wsss.reporting import (
    FigureRow,
    html_code,
    html_heading,
    html_key,
    html_page,
    html_paragraph,
    html_rows,
    html_table,
    picture_sheet,
    prediction_figures,
    seed_figures,
)
from mmseg_wsss.store import AGGREGATED_FOLDER, AGREEMENT_FOLDER, SeedManifest, read_mask
from mmseg_wsss.utils.atomic import write_atomic
from mmseg_wsss.utils.image import read_image

NUM_TRAIN, NUM_TEST = 4, 6
NETWORKS = dict(
    plain='network, plain cross-entropy on the aggregate',
    hybrid='network, hybrid learning on the aggregate',
    full='network, true masks (the ceiling)',
)


def score_rows(scores: Mapping) -> list[tuple[str, str, float]]:
    """Rows of the demo's table: what, on which scenes, mIoU in percent."""
    rows = [
        (name if name == AGGREGATED_FOLDER else f'seed {name}', 'training', value)
        for name, value in scores['seeds'].items()
    ]
    return rows + [(title, 'unseen', scores[name]) for name, title in NETWORKS.items()]


def share_of_ceiling(scores: Mapping) -> float:
    """MIoU of the hybrid network in percent of that of the network trained on true masks."""
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
    manifest = SeedManifest.load(out / 'seeds' / 'manifest.json')
    train = _training_rows(out, classifier, manifest)
    test = _test_rows(out, manifest)
    sheets = dict(
        # Pictures of a row differ in number with the tags; the report names each of them.
        training=dict(captions=[row.figures[0][1] for row in train]),
        unseen=dict(titles=[text for _, text in test[0].figures]),
    )
    for (name, texts), rows in zip(sheets.items(), (train, test), strict=True):
        sheet = picture_sheet([[picture for picture, _ in row.figures] for row in rows], **texts)
        content = io.BytesIO()
        Image.fromarray(sheet).save(content, 'PNG', optimize=True)
        (out / 'pictures').mkdir(exist_ok=True)
        write_atomic(out / 'pictures' / f'{name}.png', content.getvalue())
    page = out / 'report.html'
    write_atomic(page, _page(manifest, scores, train, test).encode())
    return page


def _training_rows(out: Path, classifier: Config, manifest: SeedManifest) -> list[FigureRow]:
    checkpoint = out / 'classifier' / f'epoch_{classifier.train_cfg.max_epochs}.pth'
    # Scenes with the most to see: several classes in one.
    ids = sorted(
        read_split(out / 'data' / 'train.txt'),
        key=lambda name: -len(_labels(_truth(out, name))),
    )[:NUM_TRAIN]
    activation = class_activation(classifier, load_classifier(classifier, checkpoint), ids)
    rows = []
    for image_id in ids:
        agreement = read_mask(out / 'seeds' / AGREEMENT_FOLDER / f'{image_id}.png')
        figures = seed_figures(
            _image(out, image_id),
            activation[image_id],
            {
                name: read_mask(out / 'seeds' / name / f'{image_id}.png')
                for name in manifest.seed_names
            },
            read_mask(out / 'seeds' / AGGREGATED_FOLDER / f'{image_id}.png'),
            agreement,
            _truth(out, image_id),
            manifest.palette,
        )
        unanimous = float((agreement == len(manifest.seeds)).mean())
        rows.append(FigureRow(image_id, figures, list(activation[image_id]), unanimous))
    return rows


def _test_rows(out: Path, manifest: SeedManifest) -> list[FigureRow]:
    rows = []
    for image_id in read_split(out / 'data' / 'val.txt')[:NUM_TEST]:
        truth = _truth(out, image_id)
        figures = prediction_figures(
            _image(out, image_id),
            {name: read_mask(out / name / 'masks' / f'{image_id}.png') for name in NETWORKS},
            truth,
            manifest.palette,
        )
        shown = [manifest.classes[label] for label in _labels(truth)]
        rows.append(FigureRow(image_id, figures, shown))
    return rows


def _image(out: Path, image_id: str) -> np.ndarray:
    return read_image(str(out / 'data' / 'images' / f'{image_id}.jpg'))


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
    sections = [
        html_paragraph(
            'Networks trained from image-level tags alone, on scenes that this demo generates. '
            'Masks were used for the scores and for the ceiling, nowhere else.'
        ),
        html_table(
            ['what', 'scenes', 'mIoU, %'],
            rows,
            caption='Seeds are scored on the training scenes, networks on scenes nobody has seen.',
            bar=2,
            strong=[len(rows) - 2],
        ),
        html_paragraph(
            f'Hybrid learning from tags reaches {share_of_ceiling(scores):.1f} % of the mIoU of '
            'the same network trained on true masks.'
        ),
        html_key(manifest.classes, manifest.palette),
        html_heading('From tags to labels'),
        html_paragraph(
            f'Each of {len(manifest.seed_names)} seeds is an activation map under another dropout '
            'rate and image scale, refined by a dense CRF; its name says dropout-scale. The '
            'aggregate is their vote. White agreement is unanimous, and only that is learnt as a '
            'certain label.'
        ),
        html_paragraph('More of the seeds: seeds/report.html, beside this page.'),
        html_rows(train, manifest.classes),
        html_heading('Unseen scenes'),
        html_paragraph('Trained on the aggregate (plain, hybrid), and on true masks (full).'),
        html_rows(test, manifest.classes),
        html_heading('Make it again'),
        html_code('rm -r demo_output\nmake demo'),
    ]
    return html_page('mmseg_wsss: from tags to a segmentation network', sections)
