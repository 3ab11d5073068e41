"""The page is whole, safe and says what it was given; pictures come back as they were."""

import base64
import hashlib
import io
import json
import re
from html import unescape
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from mmseg_wsss.reporting import Code, FigureRow, Key, Page, Plot, Plots, Rows, Section, Table
from mmseg_wsss.reporting.page import picture_uri

NASTY = '<script>alert("&")</script>'
VOID = {'meta', 'img', 'br', 'input'}
RANDOM = np.random.default_rng(0)
PHOTOGRAPH = RANDOM.integers(0, 256, (40, 60, 3), dtype=np.uint8)
PALETTE = np.array([[0, 0, 0], [200, 10, 20], [30, 220, 40]], np.uint8)


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


def html_of(*blocks, **options):
    return Page('a', [Section('b', blocks)], **options).html()


def decode(uri):
    """Decode a picture: (kind, array)."""
    kind, text = re.fullmatch('data:image/([a-z]+);base64,(.+)', uri).groups()
    return kind, np.array(Image.open(io.BytesIO(base64.b64decode(text))))


def test_page_is_closed_escaped_and_loads_nothing():
    picture = np.zeros((4, 6, 3), np.uint8)
    blocks = [
        NASTY,
        Code(NASTY),
        Table(NASTY, [NASTY], [[NASTY]], note=NASTY, classes=True),
        Key([(NASTY, [1, 2, 3])]),
        Plots([Plot('data:image/svg+xml;base64,', NASTY)]),
        Rows([FigureRow(NASTY, [(picture, NASTY)], [NASTY], 0.5, NASTY)], [NASTY]),
    ]
    page = Page(
        NASTY,
        [Section(NASTY, blocks), Section('two', []), Section('three', [])],
        lead=[NASTY],
        figures=[(NASTY, NASTY)],
        details=[NASTY],
        colors={NASTY: [1, 2, 3]},
    ).html()
    checker = check(page)
    assert checker.tags.count('script') == 1
    text = ''.join(checker.text)
    # Title twice, heading, link, lead, figure twice, details; then the blocks.
    assert text.count(NASTY) == 8 + 5 + 1 + 1 + 4 and f'{NASTY} (1)' in text
    assert all(source.startswith(('data:image/', '#')) for source in checker.sources)
    assert not re.search(r'https?://|@import|url\(', page)


def test_policy_allows_the_script_of_the_page_and_no_other():
    page = html_of()
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    rules = dict(rule.split(' ', 1) for rule in unescape(policy).split('; '))
    (script,) = re.findall('<script>(.*)</script>', page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert rules['script-src'] == f"'sha256-{digest}'"
    assert rules['default-src'] == "'none'" and rules['img-src'] == 'data:'
    # A meta element counts for what follows it.
    assert page.index('Content-Security-Policy') < page.index('<style>') < page.index('<script>')
    # Nothing in the script could read or send anything.
    assert not re.search('fetch|XMLHttp|WebSocket|innerHTML|eval|import|Function', script)


def test_contents_lead_to_headings():
    titles = ['Scores, in percent', 'Größe & Art', '255 (no vote)']
    page = Page('a', [Section(title, []) for title in titles]).html()
    anchors = re.findall('<h2 id="([^"]+)"', page)
    assert check(page).sources == [f'#{anchor}' for anchor in anchors] and len(set(anchors)) == 3


def test_table_rounds_marks_and_leaves_gaps_visible():
    rows = [['one', 12.3456, None], ['two', float('nan'), 7], ['three', np.float64(2), np.int64(3)]]
    table = Table('t', ['name', 'share', 'count'], rows, bar=1, strong=[1], decimals=1)
    html = html_of(table)
    body = html[html.index('<table>') : html.index('</table>')]
    cells = [text.strip() for text in re.findall('>([^<>]+)<', body) if text.strip()]
    assert cells[:3] == ['name', 'share', 'count']
    assert cells[3:] == ['one', '12.3', '–', 'two', '–', '7', 'three', '2.0', '3']
    assert body.count('td class="bar"') == 3 and body.count('class="strong"') == 1
    # Numbers sort by all of their digits.
    assert re.findall('data-value="([^"]*)"', body) == ['12.3456', '7.0', '2.0', '3.0']


def test_class_names_have_their_colours():
    table = Table('t', ['class', 'x'], [['cat', 1], ['255 (no vote)', 2]], classes=True)
    html = html_of(table, colors=dict(cat=[1, 2, 3]))
    assert html.count('class="swatch"') == 1 and 'background:rgb(1,2,3)' in html


def test_table_refuses_a_short_row():
    with pytest.raises(ValueError, match='a row has 1 cells, the header 2'):
        Table('t', ['a', 'b'], [['x']])


def test_flat_pictures_are_exact_and_photographs_small():
    flat = PALETTE[RANDOM.integers(0, 3, (40, 60))]
    kind, found = decode(picture_uri(flat))
    assert kind == 'png' and np.array_equal(found, flat)
    kind, photograph = decode(picture_uri(PHOTOGRAPH))
    assert kind == 'jpeg' and photograph.shape == PHOTOGRAPH.shape


@pytest.mark.parametrize('shape', [(512, 300), (300, 1024), (1000, 1), (256, 256)])
def test_large_pictures_are_shrunk_and_labels_keep_their_colours(shape):
    labels = np.repeat(np.repeat(RANDOM.integers(0, 3, (4, 4)), 256, 0), 256, 1)
    flat = PALETTE[labels[: shape[0], : shape[1]]]
    _, small = decode(picture_uri(flat))
    assert max(small.shape[:2]) == 256 and min(small.shape[:2]) >= 1
    colors = {tuple(color) for color in flat.reshape(-1, 3).tolist()}
    assert {tuple(color) for color in small.reshape(-1, 3).tolist()} <= colors


def rows_of(html):
    """Data of all rows."""
    tags = re.findall('<div class="row"([^>]*)>', html)
    found = [dict(re.findall(r'data-(\w+)="([^"]*)"', tag)) for tag in tags]
    return [{name: unescape(value) for name, value in one.items()} for one in found]


def test_rows_carry_classes_and_agreement():
    names = ['cat', 'traffic light', 'a "b" & <c>']
    figures = [(PHOTOGRAPH, 'image')]
    rows = [
        FigureRow('one', figures, names[1:], 0.98765, 'a note'),
        FigureRow('two', figures, [], 1.0),
        FigureRow('three', figures, names[1:2]),
    ]
    html = html_of(Rows(rows, ['background', *names]))
    first, second, third = rows_of(html)
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
    html = html_of(Rows([FigureRow('one', [(PHOTOGRAPH, 'image')])], ['background', 'cat']))
    assert 'name="class"' not in html and 'name="least"' not in html and 'name="size"' in html
