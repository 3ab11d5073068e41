"""Pictures come back as they were, rows say what they are filtered by."""

import base64
import io
import json
import re
from html import unescape

import numpy as np
import pytest
from PIL import Image

from mmseg_wsss.reporting import FigureRow, html_gallery, html_rows
from mmseg_wsss.reporting.gallery import thumbnail

RANDOM = np.random.default_rng(0)
PHOTOGRAPH = RANDOM.integers(0, 256, (40, 60, 3), dtype=np.uint8)
PALETTE = np.array([[0, 0, 0], [200, 10, 20], [30, 220, 40]], np.uint8)


def pictures(html):
    """Decode all pictures: (kind, array)."""
    found = re.findall('src="data:image/([a-z]+);base64,([^"]+)"', html)
    return [
        (kind, np.array(Image.open(io.BytesIO(base64.b64decode(text))))) for kind, text in found
    ]


def rows(html):
    """Data of all rows."""
    tags = re.findall('<div class="row"([^>]*)>', html)
    found = [dict(re.findall(r'data-(\w+)="([^"]*)"', tag)) for tag in tags]
    return [{name: unescape(value) for name, value in one.items()} for one in found]


def test_flat_pictures_are_exact_and_photographs_small():
    flat = PALETTE[RANDOM.integers(0, 3, (40, 60))]
    (kind, found), (other, photograph) = pictures(html_gallery([(flat, 'a'), (PHOTOGRAPH, 'b')]))
    assert kind == 'png' and np.array_equal(found, flat)
    assert other == 'jpeg' and photograph.shape == PHOTOGRAPH.shape


@pytest.mark.parametrize('shape', [(512, 300), (300, 1024), (1000, 1), (256, 256)])
def test_large_pictures_are_shrunk_and_labels_keep_their_colours(shape):
    labels = np.repeat(np.repeat(RANDOM.integers(0, 3, (4, 4)), 256, 0), 256, 1)
    flat = PALETTE[labels[: shape[0], : shape[1]]]
    small = thumbnail(flat)
    assert max(small.shape[:2]) == 256 and min(small.shape[:2]) >= 1
    colors = {tuple(color) for color in flat.reshape(-1, 3).tolist()}
    assert {tuple(color) for color in small.reshape(-1, 3).tolist()} <= colors


def test_rows_carry_classes_and_agreement():
    names = ['cat', 'traffic light', 'a "b" & <c>']
    figures = [(PHOTOGRAPH, 'image')]
    html = html_rows(
        [
            FigureRow('one', figures, names[1:], 0.98765, 'a note'),
            FigureRow('two', figures, [], 1.0),
            FigureRow('three', figures, names[1:2]),
        ],
        ['background', *names],
    )
    first, second, third = rows(html)
    assert json.loads(first['classes']) == names[1:] and first['agreement'] == '98.77'
    assert second == dict(classes='[]', agreement='100.00')
    assert json.loads(third['classes']) == names[1:2] and 'agreement' not in third
    # Only classes that can be found are offered, in the order of the classes.
    options = re.findall('<option value="([^"]*)">([^<]*)<', html)
    assert [(unescape(value), unescape(text)) for value, text in options] == [
        ('', 'all'),
        ('traffic light', 'traffic light (2)'),
        ('a "b" & <c>', 'a "b" & <c> (1)'),
    ]
    assert '98.8 % of the pixels unanimous; a note' in html


def test_filters_without_use_are_left_out():
    html = html_rows([FigureRow('one', [(PHOTOGRAPH, 'image')])], ['background', 'cat'])
    assert 'name="class"' not in html and 'name="least"' not in html and 'name="size"' in html
