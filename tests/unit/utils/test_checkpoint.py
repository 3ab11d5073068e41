"""Reading of checkpoints, by torch's own means and by those for torch below 2.6."""

from __future__ import annotations

import collections
import io
import logging
import os
import pickle
import tarfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader
from torch import nn

from mmseg_wsss.utils import checkpoint, restricted_pickle
from mmseg_wsss.utils.checkpoint import (
    find_checkpoint,
    read_checkpoint,
    read_safely_in_mmengine,
    read_state_dict,
)


@pytest.fixture(params=['own', 'torch'])
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each test runs with the reader for torch below 2.6 and, where there is one, with torch's."""
    if request.param == 'torch' and not checkpoint._TORCH_TAKES_GLOBALS:
        pytest.skip('torch cannot be told of known classes before 2.6')
    monkeypatch.setattr(checkpoint, '_TORCH_TAKES_GLOBALS', request.param == 'torch')
    return request.param


def content() -> dict:
    """What mmengine writes: weights, optimizer, log histories, a best score, a set's palette."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2))
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.1)
    network(torch.randn(2, 3, 8, 8)).sum().backward()
    optimizer.step()
    history = HistoryBuffer()
    for value in (0.5, 0.25):
        history.update(value)
    return dict(
        meta=dict(epoch=1, iter=2, seed=3, dataset_meta=dict(palette=np.eye(3, dtype=np.uint8))),
        state_dict=network.state_dict(),
        half=torch.randn(3).half(),
        parameter=nn.Parameter(torch.ones(2, dtype=torch.bfloat16)),
        optimizer=optimizer.state_dict(),
        message_hub=dict(
            log_scalars=collections.OrderedDict(loss=history),
            runtime_info=dict(best_score=np.float64(33.5), count=np.int64(7), last='x'),
            empty=np.empty(0, np.float32),
        ),
        param_schedulers=[dict(milestones=collections.Counter([4, 8, 8]))],
        kept=[1, 2, None, True, 10**30, b'', b'\xff\x00'],
    )


def flat(value: object) -> object:
    """Nested content as something that == compares."""
    if isinstance(value, torch.Tensor):
        return type(value).__name__, str(value.dtype), value.detach().float().tolist()
    if isinstance(value, (np.ndarray, np.generic)):
        return type(value).__name__, str(value.dtype), value.tolist()
    if isinstance(value, HistoryBuffer):
        return value.mean(), value.current(), [array.tolist() for array in value.data]
    if isinstance(value, dict):
        return {key: flat(one) for key, one in value.items()}
    return [flat(one) for one in value] if isinstance(value, (list, tuple)) else value


@pytest.mark.parametrize('zipped', [True, False], ids=['zip', 'before torch 1.6'])
def test_what_mmengine_writes_is_read(tmp_path: Path, reader: str, zipped: bool) -> None:
    torch.save(content(), tmp_path / 'a.pth', _use_new_zipfile_serialization=zipped)
    assert flat(read_checkpoint(tmp_path / 'a.pth')) == flat(content())
    (schedule,) = read_checkpoint(tmp_path / 'a.pth')['param_schedulers']
    assert list(schedule['milestones'].elements()) == [4, 8, 8]
    state = read_state_dict(tmp_path / 'a.pth')
    assert state._metadata == content()['state_dict']._metadata


def writer(change: Callable[[bytes], bytes], whole: bytes | None = None) -> SimpleNamespace:
    """A pickle module for ``torch.save`` that changes what it writes, or writes something else."""

    class Pickler(pickle._Pickler):
        def __init__(self, file: io.BytesIO, protocol: int) -> None:
            self.file = file
            super().__init__(SimpleNamespace(write=lambda data: file.write(change(data))), protocol)

        def dump(self, one: object) -> None:
            super().dump(one) if whole is None else self.file.write(whole)

    return SimpleNamespace(__name__='writer', Pickler=Pickler, dump=pickle.dump)


@pytest.mark.parametrize('core', ['core', '_core'])
def test_checkpoints_of_both_major_versions_of_numpy_are_read(
    tmp_path: Path, reader: str, core: str
) -> None:
    own = np.empty(0).__reduce__()[0].__module__.encode()
    module = writer(lambda data: data.replace(own, f'numpy.{core}.multiarray'.encode()))
    torch.save(content(), tmp_path / 'a.pth', pickle_module=module)
    data = (tmp_path / 'a.pth').read_bytes()
    assert f'numpy.{core}.multiarray'.encode() in data
    assert flat(read_checkpoint(tmp_path / 'a.pth')) == flat(content())


class Call:
    """Pickled as a call, or as an object with a state."""

    def __init__(self, *reduced: object) -> None:
        self.reduced = reduced

    def __reduce__(self) -> tuple:
        return self.reduced


def global_of(module: str, name: str) -> bytes:
    return (
        b'\x8c'
        + bytes([len(module)])
        + module.encode()
        + (b'\x8c' + bytes([len(name)]) + name.encode() + b'\x93')
    )


def harmful(folder: Path) -> dict[str, object]:
    """Objects and raw pickles each of which makes a folder, or alters a class, when it is read."""
    path = str(folder / 'harmed')
    text = b'\x8c' + bytes([len(path)]) + path.encode()
    history = b'cmmengine.logging.history_buffer\nHistoryBuffer\n'
    return {
        'a call': Call(os.mkdir, (path,)),
        'a call by eval': Call(eval, (f'__import__("os").mkdir({path!r})',)),
        'getattr of another thing': Call(getattr, (path, 'upper')),
        'getattr of a class': Call(getattr, (HistoryBuffer, '__init__')),
        'an object of another class': Call(logging.FileHandler, (path,)),
        'a dotted name': b'\x80\x04' + global_of('torch', 'os.mkdir') + text + b'\x85R.',
        'a dotted name of a known class': (
            b'\x80\x04' + global_of('mmengine.logging.history_buffer', 'HistoryBuffer.__init__')
            + b')R.'
        ),
        'INST': b'(S' + repr(path).encode() + b'\nios\nmkdir\n.',
        'OBJ': b'(cos\nmkdir\n' + text + b'o.',
        'NEWOBJ_EX': b'\x80\x04' + history + b')}\x92.',
        'an extension': b'\x80\x02\x82\x01.',
        'a class altered': history + b'N}\x8c\x04meanK\x01s\x86b.',
        'a function altered': b'ctorch._utils\n_rebuild_parameter\nN}\x8c\x01xK\x01s\x86b.',
        'a result called': (
            b'cbuiltins\ngetattr\n(' + history + b'\x8c\x04meantR(' + history + b'tR.'
        ),
        'a history of other methods': (
            history + b')\x81}\x8c\x12statistics_methods}\x8c\x04meanctorch\ndevice\nssb.'
        ),
        'a history with more': history + b')\x81}\x8c\x06updateK\x01sb.',
        'an odd state dict': b'ccollections\nOrderedDict\n)R}\x8c\x05itemsK\x01sb.',
        'an array of objects': Call(np.dtype, ('O',)),
        'an array of records': Call(np.dtype, ([('a', 'O')],)),
        'a number with fields': (
            b'cnumpy\ndtype\n\x8c\x02f8\x85R(K\x03\x8c\x01<N\x8c\x01a\x85}K\x08K\x01K\x00tb.'
        ),
        'items of a class': history + b'\x8c\x01xK\x01s.',
        'items appended to a class': history + b'K\x01a.',
        'a codec': b'c_codecs\nencode\n(\x8c\x01a\x8c\x05rot13tR.',
        'a reference to source code': b'(\x8c\x06modulectorch\ndevice\n\x8c\x01a\x8c\x01btQ.',
    }  # fmt: skip


@pytest.mark.parametrize('zipped', [True, False], ids=['zip', 'before torch 1.6'])
@pytest.mark.parametrize('name', harmful(Path()))
def test_the_own_reader_builds_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, zipped: bool
) -> None:
    monkeypatch.setattr(checkpoint, '_TORCH_TAKES_GLOBALS', False)
    before = dict(vars(HistoryBuffer))
    attack = harmful(tmp_path)[name]
    raw = attack if isinstance(attack, bytes) else None
    torch.save(
        dict(state_dict={}, extra=attack) if raw is None else {},
        tmp_path / 'a.pth',
        pickle_module=writer(bytes, raw),
        _use_new_zipfile_serialization=zipped,
    )
    with pytest.raises(ValueError, match=r'not a checkpoint of weights alone \(Unsupported'):
        read_checkpoint(tmp_path / 'a.pth')
    assert not (tmp_path / 'harmed').exists()
    assert dict(vars(HistoryBuffer)) == before
    assert not hasattr(torch._utils._rebuild_parameter, 'x')


def test_files_of_other_kinds_are_refused(tmp_path: Path, reader: str) -> None:
    class Network(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images + 1

    torch.jit.script(Network()).save(str(tmp_path / 'script.pth'))
    with tarfile.open(tmp_path / 'old.pth', 'w') as archive:
        for name in ('storages', 'tensors', 'pickle'):
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    (tmp_path / 'text.pth').write_text('no checkpoint')
    (tmp_path / 'empty.pth').write_bytes(b'')
    for path in sorted(tmp_path.glob('*.pth')):
        with pytest.raises(ValueError, match=path.name):
            read_checkpoint(path)


def test_a_damaged_file_is_named_and_nothing_else_happens(tmp_path: Path, reader: str) -> None:
    rng = np.random.default_rng(0)
    for zipped in (True, False):
        torch.save(content(), tmp_path / 'a.pth', _use_new_zipfile_serialization=zipped)
        data = np.frombuffer((tmp_path / 'a.pth').read_bytes(), np.uint8)
        for _ in range(60):
            damaged = data.copy()
            # Numbers that are damaged go unnoticed, but for the zip's checksums.
            damaged[rng.integers(0, len(data), 3)] = rng.integers(0, 256, 3)
            (tmp_path / 'b.pth').write_bytes(damaged[: rng.integers(1, len(data) + 1)].tobytes())
            try:
                read_checkpoint(tmp_path / 'b.pth')
            except ValueError as error:
                assert 'b.pth' in str(error)


def test_torch_is_not_told_otherwise_by_the_environment(
    tmp_path: Path, reader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '1')
    torch.save(Call(os.mkdir, (str(tmp_path / 'harmed'),)), tmp_path / 'a.pth')
    with pytest.raises(ValueError, match='--trust-checkpoint'):
        read_checkpoint(tmp_path / 'a.pth')
    assert not (tmp_path / 'harmed').exists()


@pytest.fixture
def mmengine_loader() -> None:
    """Give mmengine its own reader back afterwards."""
    schemes = dict(CheckpointLoader._schemes)
    yield
    CheckpointLoader._schemes = collections.OrderedDict(schemes)


@pytest.mark.usefixtures('mmengine_loader')
def test_mmengine_reads_its_own_checkpoints_quietly_and_no_others(
    tmp_path: Path, reader: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture
) -> None:
    path = str(tmp_path / 'a.pth')
    torch.save(content(), path)
    read_safely_in_mmengine()
    assert flat(CheckpointLoader.load_checkpoint(path, 'cpu')) == flat(content())
    assert 'Could not safely load' not in caplog.text + capsys.readouterr().out
    torch.save(dict(content(), extra=Call(os.mkdir, (str(tmp_path / 'harmed'),))), path)
    with pytest.raises(ValueError, match='--trust-checkpoint'):
        CheckpointLoader.load_checkpoint(path, 'cpu')
    assert not (tmp_path / 'harmed').exists()
    read_safely_in_mmengine(trust=True)
    CheckpointLoader.load_checkpoint(path, 'cpu')
    assert (tmp_path / 'harmed').exists()


@pytest.mark.usefixtures('mmengine_loader')
def test_the_config_that_mmengine_would_run_is_left_out(tmp_path: Path, reader: str) -> None:
    """``Runner.resume`` runs ``meta['config']``, which is text and so no matter of pickle."""
    path = str(tmp_path / 'a.pth')
    torch.save(dict(meta=dict(config='import os', iter=1), state_dict={}), path)
    read_safely_in_mmengine()
    assert CheckpointLoader.load_checkpoint(path)['meta'] == dict(iter=1)


def test_a_thread_that_is_done_does_not_stop_another_that_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ('slow', 'fast'):
        torch.save(content(), tmp_path / f'{name}.pth')
    begun, done, load = Event(), Event(), torch.load

    def slow_load(path: io.BufferedReader, *options: object, **more: object) -> object:
        if str(path.name).endswith('slow.pth'):
            begun.set()
            # In time only if the other one reads meanwhile.
            done.wait(0.5)
        return load(path, *options, **more)

    monkeypatch.setattr(torch, 'load', slow_load)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(read_state_dict, tmp_path / 'slow.pth')
        assert begun.wait(10)
        fast = read_state_dict(tmp_path / 'fast.pth')
        done.set()
        assert torch.equal(slow.result()['0.weight'], fast['0.weight'])


def test_the_table_has_no_name_that_reaches_further() -> None:
    for name, value in restricted_pickle._GLOBALS.items():
        assert not isinstance(value, type(os)), name
        assert value not in (getattr, eval, exec, type, np.dtype), name


def test_a_work_dir_stands_for_its_last_checkpoint(tmp_path):
    assert find_checkpoint('some/iter_2.pth') == 'some/iter_2.pth'
    with pytest.raises(FileNotFoundError, match=f'{tmp_path}: there is no checkpoint in it; train'):
        find_checkpoint(tmp_path)
    for name in ('iter_2.pth', 'iter_10.pth', 'best_mIoU_iter_2.pth'):
        (tmp_path / name).touch()
    # As it is written by a training in a folder that has been moved since.
    (tmp_path / 'last_checkpoint').write_text('work_dirs/elsewhere/iter_10.pth')
    assert find_checkpoint(tmp_path) == str(tmp_path / 'iter_10.pth')
