"""The page is whole, safe and says what it was given."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from mmseg_wsss.reporting import (
    FigureRow,
    html_code,
    html_contents,
    html_gallery,
    html_heading,
    html_key,
    html_page,
    html_paragraph,
    html_rows,
    html_table,
)

NASTY = '<script>alert("&")</script>'
VOID = {'meta', 'img', 'br', 'input'}


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
            html_contents([NASTY]),
            html_paragraph(NASTY),
            html_code(NASTY),
            html_table([NASTY], [[NASTY]], caption=NASTY),
            html_key([NASTY], [[1, 2, 3]]),
            html_gallery([(picture, NASTY), (picture, '"')]),
            html_rows([FigureRow(NASTY, [(picture, NASTY)], [NASTY], 0.5, NASTY)], [NASTY]),
        ],
    )
    checker = check(page)
    assert checker.tags.count('script') == 1
    text = ''.join(checker.text)
    # The class of the filter is followed by the number of its images.
    assert text.count(NASTY) == 15 and f'{NASTY} (1)' in text
    assert all(source.startswith(('data:image/', '#')) for source in checker.sources)
    assert not re.search(r'https?://|@import|url\(', page)


def test_policy_allows_the_script_of_the_page_and_no_other():
    page = html_page('a', [])
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    rules = dict(rule.split(' ', 1) for rule in policy.split('; '))
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
    checker = check(html_contents(titles))
    anchors = re.findall('id="([^"]+)"', ''.join(map(html_heading, titles)))
    assert checker.sources == [f'#{anchor}' for anchor in anchors] and len(set(anchors)) == 3
    assert checker.text == titles


def test_table_rounds_marks_and_leaves_gaps_visible():
    rows = [['one', 12.3456, None], ['two', float('nan'), 7], ['three', np.float64(2), np.int64(3)]]
    html = html_table(['name', 'share', 'count'], rows, bar=1, strong=[1], decimals=1)
    cells = [text for text in check(html).text if text.strip()]
    assert cells[:3] == ['name', 'share', 'count']
    assert cells[3:] == ['one', '12.3', '–', 'two', '–', '7', 'three', '2.0', '3']
    assert html.count('td class="bar"') == 3 and html.count('class=strong') == 1
    # Numbers sort by all of their digits.
    assert re.findall('data-value="([^"]*)"', html) == ['12.3456', '7.0', '2.0', '3.0']


def test_table_refuses_a_short_row():
    with pytest.raises(ValueError, match='a row has 1 cells, the header 2'):
        html_table(['a', 'b'], [['x']])
