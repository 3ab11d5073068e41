from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.runner import BaseLoop

from mmseg_wsss.engine.hooks import InitialWeightsHook
from mmseg_wsss.utils.initial_weights import (
    InitialWeights,
    fetch_initial_weights,
    find_initial_weights,
)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
    return tmp_path / 'hub/checkpoints'


def config_of(checkpoint: str) -> ConfigDict:
    return ConfigDict(
        model=dict(backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=checkpoint)))
    )


def test_finds_every_kind_of_key() -> None:
    config = ConfigDict(
        load_from='start.pth',
        resume=False,
        model=dict(
            pretrained='open-mmlab://resnet50_v1c',
            backbone=dict(init_cfg=dict(type='Pretrained', checkpoint='a.pth')),
            heads=[
                dict(init_cfg=[dict(type='Normal'), dict(type='Pretrained', checkpoint='b.pth')])
            ],
        ),
    )
    found = {weights.key: weights.name for weights in find_initial_weights(config)}
    assert found == {
        'load_from': 'start.pth',
        'model.pretrained': 'open-mmlab://resnet50_v1c',
        'model.backbone.init_cfg.checkpoint': 'a.pth',
        'model.heads.0.init_cfg.1.checkpoint': 'b.pth',
    }


def test_places_of_downloads(hub: Path) -> None:
    named = InitialWeights('k', 'torchvision://resnet101')
    assert named.address.startswith('https://') and named.path.parent == hub
    assert named.path.name.startswith('resnet101-')
    assert InitialWeights('k', 'https://a.b/c/d.pth?x=1').path == hub / 'd.pth'
    assert InitialWeights('k', 'weights/d.pth').address is None
    with pytest.raises(ValueError, match='k: open-mmlab://nonsense'):
        _ = InitialWeights('k', 'open-mmlab://nonsense').address


def test_missing_local_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        fetch_initial_weights(config_of(f'{tmp_path}/resnet38d_imagenet.pth'))
    message = str(caught.value)
    assert f'{tmp_path}/resnet38d_imagenet.pth are missing' in message
    assert 'tools/model_converters/resnet38d.py' in message
    assert '--cfg-options model.backbone.init_cfg.checkpoint=PATH' in message


def test_failed_download_says_what_to_put_where(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(address: str, path: str) -> None:
        raise OSError('no route to host')

    monkeypatch.setattr(torch.hub, 'download_url_to_file', fail)
    with pytest.raises(FileNotFoundError) as caught:
        fetch_initial_weights(config_of('https://weights.example/mit_b9.pth'))
    message = str(caught.value)
    assert 'no route to host' in message and 'https://weights.example/mit_b9.pth' in message
    assert f'put it at {hub}/mit_b9.pth' in message


def test_downloads_once(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched = []

    def download(address: str, path: str) -> None:
        fetched.append(address)
        Path(path).write_bytes(b'weights')

    monkeypatch.setattr(torch.hub, 'download_url_to_file', download)
    for _ in range(2):
        assert fetch_initial_weights(config_of('https://w.example/a.pth')) == [hub / 'a.pth']
    assert fetched == ['https://w.example/a.pth']


def test_hook_acts_in_training_only(tmp_path: Path) -> None:
    class Loop(BaseLoop):
        def __init__(self) -> None: ...

        def run(self) -> None: ...

    config = config_of(f'{tmp_path}/none.pth')
    InitialWeightsHook().before_run(SimpleNamespace(cfg=config, _train_loop=dict()))
    with pytest.raises(FileNotFoundError, match='none.pth'):
        InitialWeightsHook().before_run(SimpleNamespace(cfg=config, _train_loop=Loop()))
