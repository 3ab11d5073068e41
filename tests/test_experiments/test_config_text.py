"""Configs as text: overrides, the text itself, places."""

import pytest
from mmengine.config import Config

from mmseg_wsss.experiments.config_text import (
    KEPT,
    config_text,
    fill_places,
    load_config,
    set_options,
)


def test_the_text_is_the_config(root, tmp_path):
    path = root / 'configs/pnl/deeplabv3plus_mobilenetv2_voc_animals.py'
    config = load_config(str(path))
    (tmp_path / 'written.py').write_text(config_text(config))
    written = Config.fromfile(tmp_path / 'written.py').to_dict()
    expected = Config.fromfile(path).to_dict()
    assert written == {key: expected[key] for key in KEPT if key in expected}
    # Tuples stay tuples: mmseg's transforms insist on some.
    assert type(written['train_dataloader']['dataset']['pipeline'][3]['crop_size']) is tuple


def test_a_loaded_config_may_be_changed(root):
    path = str(root / 'configs/demo/cls_resnet_scenes.py')
    load_config(path)['model']['head']['dropout'] = 0.9
    assert load_config(path)['model']['head']['dropout'] == 0.1


def test_options_replace_and_never_merge():
    config = dict(a=dict(b=[dict(c=1, d=2)], e=dict(f=1)))
    set_options(config, {'a.b.0.c': 5, 'a.e': dict(g=2), 'new': 3})
    assert config == dict(a=dict(b=[dict(c=5, d=2)], e=dict(g=2)), new=3)


def test_the_value_of_an_option_is_copied():
    value = dict(x=[1])
    one, two = {}, {}
    set_options(one, dict(key=value))
    set_options(two, dict(key=value))
    one['key']['x'].append(2)
    assert two == dict(key=dict(x=[1]))


@pytest.mark.parametrize('name', ['x.y', 'a.b.3.c', 'a.b.0.c.z', 'a.b.first'])
def test_an_option_of_no_place_is_refused(name):
    with pytest.raises(ValueError, match=f'{name}: the config has no such place'):
        set_options(dict(a=dict(b=[dict(c=1)])), {name: 1})


def test_places():
    text = "a = '<data>'\nb = '<input:labels>/seeds'\nc = '<split:val>'\nd = 1 < 2 > 0\n"
    places = {'data': '/d', 'input:labels': '/l', 'split:val': '/v.txt'}
    assert fill_places(text, places) == "a = '/d'\nb = '/l/seeds'\nc = '/v.txt'\nd = 1 < 2 > 0\n"
    with pytest.raises(ValueError, match='<data>: expected one of input:labels'):
        fill_places(text, {'input:labels': '/l'})
