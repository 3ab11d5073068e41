"""The page is whole, safe and says what it was given."""

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from mmseg_wsss.visualization import (
    html_code,
    html_gallery,
    html_heading,
    html_key,
    html_page,
    html_paragraph,
    html_table,
)

NASTY = '<script>alert("&")</script>'
VOID = {'meta', 'img', 'br'}


class Checker(HTMLParser):
    """Collects tags, text and references, and sees that every element is closed."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.text, self.sources = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.sources += [value for key, value in attrs if key in ('src', 'href')]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def check(html):
    checker = Checker()
    checker.feed(html)
    checker.close()
    assert not checker.open
    return checker


def test_page_is_closed_escaped_and_loads_nothing():
    picture = np.zeros((4, 6, 3), np.uint8)
    page = html_page(
        NASTY,
        [
            html_heading(NASTY),
            html_paragraph(NASTY),
            html_code(NASTY),
            html_table([NASTY], [[NASTY]], caption=NASTY),
            html_key([NASTY], [[1, 2, 3]]),
            html_gallery([(picture, NASTY), (picture, '"')], photographs=[0]),
        ],
    )
    checker = check(page)
    assert 'script' not in checker.tags
    assert ''.join(checker.text).count(NASTY) == 10
    assert all(source.startswith('data:image/') for source in checker.sources)
    assert not re.search(r'https?://|@import|url\(', page)


def test_pictures_come_back_as_they_were():
    picture = np.random.default_rng(0).integers(0, 256, (9, 5, 3), dtype=np.uint8)
    (source,) = check(html_gallery([(picture, 'a')])).sources
    content = base64.b64decode(source.removeprefix('data:image/png;base64,'))
    assert np.array_equal(np.array(Image.open(io.BytesIO(content))), picture)
    (source,) = check(html_gallery([(picture, 'a')], photographs=[0])).sources
    assert source.startswith('data:image/jpeg')


def test_table_rounds_marks_and_leaves_gaps_visible():
    rows = [['one', 12.3456, None], ['two', float('nan'), 7]]
    html = html_table(['name', 'share', 'count'], rows, bar=1, strong=[1], decimals=1)
    cells = [text for text in check(html).text if text.strip()]
    assert cells == ['name', 'share', 'count', 'one', '12.3', '–', 'two', '–', '7']
    assert html.count('class="bar"') == 1 and html.count('class=strong') == 1


def test_table_refuses_a_short_row():
    with pytest.raises(ValueError, match='a row has 1 cells, the header 2'):
        html_table(['a', 'b'], [['x']])
