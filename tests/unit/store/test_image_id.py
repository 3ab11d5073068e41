"""Image ids stay inside their folder."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmseg_wsss.store import check_image_id


@pytest.mark.parametrize(
    'image_id', ['2007_000032', 'train2014/9', 'two words', 'ünïcode', '図', 'a.b', '-1', 'a..b']
)
def test_plain_names_are_allowed(image_id):
    assert check_image_id(image_id, 'list') == image_id


@pytest.mark.parametrize(
    'image_id',
    [
        '', '/etc/passwd', '..', '../a', 'a/../b', 'a/..', './a', 'a//b', 'a/', '.hidden', 'a\\b',
        'a\0b', 'a\nb', 'a\x7f', '\ud800', 'x' * 252, 'é' * 126, 9, None,
    ],
)  # fmt: skip
def test_others_are_refused(image_id):
    with pytest.raises(ValueError, match=r'^list: .*image id'):
        check_image_id(image_id, 'list')


@given(st.text(alphabet='a./\\~\0 é', max_size=12) | st.text(max_size=12))
def test_an_accepted_id_is_a_file_below_its_root(image_id):
    try:
        check_image_id(image_id, 'list')
    except ValueError:
        return
    path = (Path('/seeds') / f'{image_id}.png').as_posix()
    assert path.startswith('/seeds/')
    assert Path(path).resolve().as_posix() == path
    path.encode('utf-8')
