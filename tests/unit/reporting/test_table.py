"""Tables as text and Markdown."""

import math

from mmseg_wsss.reporting import Table

TABLE = Table(
    'Scores', ['mask', 'mIoU', 'images'], [['a|b', 12.345678, 3], ['long name', math.nan, None]],
    note='In percent.', decimals=1,
)  # fmt: skip


def test_text_is_aligned():
    assert TABLE.text().split('\n') == [
        'Scores',
        'In percent.',
        'mask       mIoU  images',
        'a|b        12.3       3',
        'long name     –       –',
    ]


def test_markdown_keeps_its_columns():
    assert TABLE.markdown().split('\n') == [
        '## Scores',
        '',
        'In percent.',
        '',
        '| mask | mIoU | images |',
        '| --- | ---: | ---: |',
        '| a\\|b | 12.3 | 3 |',
        '| long name | – | – |',
    ]


def test_without_note():
    bare = Table('T', ['x'], [])
    assert bare.text() == 'T\nx' and bare.markdown() == '## T\n\n| x |\n| --- |'
