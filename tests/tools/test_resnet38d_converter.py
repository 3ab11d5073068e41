from __future__ import annotations

import importlib.util
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from mmseg_wsss.models.backbones import ResNet38d

TOOL = Path(__file__).parents[2] / 'tools/model_converters/resnet38d.py'
spec = importlib.util.spec_from_file_location('resnet38d_converter', TOOL)
converter = importlib.util.module_from_spec(spec)
spec.loader.exec_module(converter)

ARRAYS = {
    'arg:conv1a_weight': np.arange(12, dtype=np.float32).reshape(2, 3, 2),
    'aux:bn7_moving_mean': np.array([1.5, -2.0], np.float64),
    'arg:bn7_gamma': np.array([0.5, 2.0], np.float16),
    'arg:linear1000_weight': np.array([[1, 2]], np.int32),
}
KINDS = {np.dtype(np.float32): 0, np.dtype(np.float64): 1, np.dtype(np.float16): 2}
KINDS[np.dtype(np.int32)] = 4


def pack(arrays: dict[str, np.ndarray], version: int, storage: int = 0) -> bytes:
    """The three layouts of MXNet's NDArray list, as its ndarray.cc writes them."""
    content = struct.pack('<QQQ', 0x112, 0, len(arrays))
    for array in arrays.values():
        if version == 0:
            content += struct.pack(f'<I{array.ndim}I', array.ndim, *array.shape)
        else:
            content += struct.pack('<I', 0xF993FAC7 + version)
            content += struct.pack('<i', storage) if version == 2 else b''
            content += struct.pack(f'<I{array.ndim}q', array.ndim, *array.shape)
        content += struct.pack('<iii', 1, 0, KINDS[array.dtype]) + array.tobytes()
    content += struct.pack('<Q', len(arrays))
    for name in arrays:
        content += struct.pack('<Q', len(name)) + name.encode()
    return content


@pytest.mark.parametrize('version', [0, 1, 2])
def test_reads_every_layout_of_params_files(tmp_path: Path, version: int) -> None:
    path = tmp_path / 'net-0001.params'
    path.write_bytes(pack(ARRAYS, version))
    arrays = converter.read_mxnet_params(path)
    assert list(arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(arrays[name], array)
    state_dict = converter.read_state_dict(path)
    assert list(state_dict) == ['conv1a.weight', 'bn7.running_mean', 'bn7.weight']
    assert all(value.dtype == torch.float32 for value in state_dict.values())


def test_every_length_of_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / 'net.params'
    content = pack(ARRAYS, 2)
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r'net\.params'):
            converter.read_mxnet_params(path)


@pytest.mark.parametrize(
    'content, message',
    [
        (b'PK' + bytes(40), 'not an MXNet'),
        (pack(ARRAYS, 2, storage=1), 'sparse'),
        (struct.pack('<QQQI', 0x112, 0, 1, 4000), '4000 dimensions'),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / 'net.params'
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        converter.read_mxnet_params(path)


def mxnet_name(name: str) -> str:
    """The authors' name of a parameter of ``ResNet38d``."""
    layer, *middle, last = name.split('.')
    if layer == 'conv1a':
        return 'arg:conv1a_weight'
    norms = dict(weight='gamma', bias='beta', running_mean='moving_mean', running_var='moving_var')
    group = 'aux' if last.startswith('running') else 'arg'
    if layer == 'bn7':
        return f'{group}:bn7_{norms[last]}'
    stage, _, number = layer[1:].partition('_')
    place = stage + (f'b{number}' if number else 'a')
    kind, branch = middle[0].split('_')
    if kind == 'conv':
        return f'arg:res{place}_{branch}_weight'
    return f'{group}:bn{place}_{branch}_{norms[last]}'


def test_names_cover_the_whole_network() -> None:
    with torch.device('meta'):
        names = [name for name in ResNet38d().state_dict() if 'num_batches' not in name]
    assert mxnet_name('b4_5.bn_branch2b1.weight') == 'arg:bn4b5_branch2b1_gamma'
    assert [converter.torch_name(mxnet_name(name)) for name in names] == names
    assert converter.torch_name('arg:linear1000_bias') is None


@pytest.mark.parametrize('name', ['arg:fc6_weight', 'arg:res2_branch1_weight', 'bn', 'arg:bn2a_x'])
def test_names_of_other_networks_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match='no parameter of ResNet-38'):
        converter.torch_name(name)


def affinitynet_weights() -> dict[str, torch.Tensor]:
    """All parameters in their shapes; each a single stored number, so the file is small."""
    with torch.device('meta'):
        shapes = {name: value.shape for name, value in ResNet38d().state_dict().items()}
    weights = {
        f'module.{name}': torch.full((1,), index / 100).expand(shape)
        for index, (name, shape) in enumerate(shapes.items())
        if 'num_batches' not in name
    }
    return {**weights, 'module.fc8.weight': torch.zeros(20, 1, 1, 1)}


def test_converts_affinitynet_weights(tmp_path: Path) -> None:
    weights = affinitynet_weights()
    torch.save(dict(state_dict=weights), tmp_path / 'res38_cls.pth')
    target = tmp_path / 'pretrained' / 'resnet38d.pth'
    assert converter.convert(tmp_path / 'res38_cls.pth', target) == ['fc8.weight']
    assert [path.name for path in target.parent.iterdir()] == ['resnet38d.pth']
    converted = torch.load(target, weights_only=True)
    assert converted['meta'] == dict(source='res38_cls.pth')
    with torch.device('meta'):
        missing, unexpected = ResNet38d().load_state_dict(
            converted['state_dict'], strict=False, assign=True
        )
    assert not unexpected and all('num_batches' in name for name in missing)
    name = 'b6.conv_branch2b1.weight'
    assert torch.equal(converted['state_dict'][name], weights[f'module.{name}'])


def test_incomplete_and_misshapen_weights_are_refused(tmp_path: Path) -> None:
    source, target = tmp_path / 'weights.pth', tmp_path / 'out.pth'
    weights = affinitynet_weights()
    removed = weights.pop('module.b5_1.conv_branch2a.weight')
    torch.save(weights, source)
    with pytest.raises(ValueError, match=r'weights\.pth: 1 .* missing.*b5_1\.conv_branch2a'):
        converter.convert(source, target)
    weights['module.b5_1.conv_branch2a.weight'] = removed[..., :1]
    torch.save(weights, source)
    with pytest.raises(ValueError, match=r'b5_1\.conv_branch2a\.weight has shape'):
        converter.convert(source, target)
    assert not target.exists()


def test_unreadable_sources_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match='none.pth'):
        converter.read_state_dict(tmp_path / 'none.pth')
    bad = tmp_path / 'bad.pth'
    bad.write_bytes(b'no weights')
    with pytest.raises(ValueError, match=r'bad\.pth'):
        converter.read_state_dict(bad)
    torch.save([1, 2], bad)
    with pytest.raises(ValueError, match='expected a state dict'):
        converter.read_state_dict(bad)
