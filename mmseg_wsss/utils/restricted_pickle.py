"""A pickle reader for checkpoints that builds numbers, texts, containers and tensors, no more.

``torch.load(weights_only=True)`` can be given the few classes that mmengine's checkpoints need
from torch 2.6 on. Below, :func:`mmseg_wsss.utils.checkpoint.read_checkpoint` hands this module to
``torch.load`` as its ``pickle_module``.

What a pickle can do is decided in three places, each of which refuses what it does not know:

* ``find_class`` looks a name up in a table; nothing is imported and no dotted path is followed.
* ``REDUCE``, ``NEWOBJ`` and ``BUILD`` take only what the table marks for them. A function that is
  the result of a call, or a class that is merely an argument, cannot be called or altered.
* Opcodes that torch's and mmengine's writers do not produce (``INST``, ``OBJ``, ``NEWOBJ_EX``, the
  extension registry, out-of-band buffers) are unknown.

Memory is not limited: a hostile file can still be large.
"""

from __future__ import annotations

import pickle
from collections import Counter, OrderedDict
from typing import Any, BinaryIO

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from torch._utils import _rebuild_parameter, _rebuild_tensor_v2

_DTYPE_CODES = 'b1 i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8'.split()
PLAIN_DTYPES = tuple(map(np.dtype, _DTYPE_CODES))
_HISTORY_METHODS = ('current', 'max', 'mean', 'min')
_HISTORY_STATE = {'max_length', '_log_history', '_count_history', 'statistics_methods'}


def history_method(owner: type, name: str) -> Any:
    """Stand in for ``getattr``, by which a log history refers to its own methods.

    Raises:
        pickle.UnpicklingError: If anything else is asked for.
    """
    if owner is not HistoryBuffer or name not in _HISTORY_METHODS:
        raise pickle.UnpicklingError(f'Unsupported getattr: {name!r} is no method of a log history')
    return getattr(owner, name)


def plain_dtype(code: str, *flags: bool) -> np.dtype:
    """Stand in for ``numpy.dtype``: numbers only, neither objects nor records.

    Raises:
        pickle.UnpicklingError: If the type is another one.
    """
    if not isinstance(code, str) or code not in _DTYPE_CODES:
        raise pickle.UnpicklingError(f'Unsupported array type: {code!r}')
    return np.dtype(code)


def _latin1(text: str, encoding: str) -> bytes:
    """Stand in for ``_codecs.encode``, by which protocol 2 writes bytes."""
    if encoding != 'latin1':
        raise pickle.UnpicklingError(f'Unsupported encoding: {encoding!r}')
    return text.encode('latin1')


def _no_bytes() -> bytes:
    """Stand in for ``bytes``, by which protocol 2 writes empty bytes."""
    return b''


def _counter(counts: dict) -> Counter:
    """Stand in for ``Counter``, in which a schedule by milestones keeps them."""
    if type(counts) is not dict:
        raise pickle.UnpicklingError(f'Unsupported counts: {type(counts)!r}')
    return Counter(counts)


_array, _scalar = np.empty(0).__reduce__()[0], np.float64().__reduce__()[0]

# What mmengine's checkpoints hold beside weights: log histories and NumPy's numbers, the latter by
# the names that NumPy 1 and NumPy 2 give their functions.
MMENGINE_GLOBALS = {
    'mmengine.logging.history_buffer.HistoryBuffer': HistoryBuffer,
    'builtins.getattr': history_method,
    'builtins.bytes': _no_bytes,
    '_codecs.encode': _latin1,
    'numpy.ndarray': np.ndarray,
    'numpy.dtype': plain_dtype,
    **{
        f'numpy.{core}.multiarray.{function}': known
        for core in ('core', '_core')
        for function, known in (('_reconstruct', _array), ('scalar', _scalar))
    },
}
_GLOBALS = {
    **MMENGINE_GLOBALS,
    'collections.OrderedDict': OrderedDict,
    'collections.Counter': _counter,
    'torch._utils._rebuild_tensor_v2': _rebuild_tensor_v2,
    'torch._utils._rebuild_parameter': _rebuild_parameter,
    'torch.Size': torch.Size,
    'torch.device': torch.device,
    **{f'torch.{name}': value for name, value in vars(torch).items()
       if isinstance(value, torch.dtype)},
}  # fmt: skip
_CALLABLE = [
    history_method, _no_bytes, _latin1, plain_dtype, _array, _scalar, OrderedDict, _counter,
    _rebuild_tensor_v2, _rebuild_parameter, torch.Size, torch.device,
]  # fmt: skip

_OPCODES = (
    'PROTO FRAME STOP MARK POP POP_MARK DUP NONE NEWTRUE NEWFALSE BININT BININT1 BININT2 LONG1 '
    'LONG4 BINFLOAT BINUNICODE SHORT_BINUNICODE BINSTRING SHORT_BINSTRING BINBYTES SHORT_BINBYTES '
    'EMPTY_TUPLE TUPLE1 TUPLE2 TUPLE3 TUPLE EMPTY_LIST APPEND APPENDS EMPTY_DICT SETITEM SETITEMS '
    'BINGET LONG_BINGET BINPUT LONG_BINPUT MEMOIZE BINPERSID GLOBAL STACK_GLOBAL REDUCE NEWOBJ '
    'BUILD'
).split()  # fmt: skip


class Unpickler(pickle._Unpickler):
    """Reads a pickle, see the module.

    Python's own implementation in Python is extended, since the one in C cannot be told what
    ``REDUCE`` and ``BUILD`` may do.
    """

    dispatch = {
        getattr(pickle, name)[0]: pickle._Unpickler.dispatch[getattr(pickle, name)[0]]
        for name in _OPCODES
    }

    def load(self) -> Any:
        """Read one object.

        Raises:
            pickle.UnpicklingError: If the pickle wants anything that is not known.
        """
        try:
            return super().load()
        except KeyError as error:
            key = error.args[0] if error.args else None
            raise pickle.UnpicklingError(f'Unsupported opcode or reference: {key!r}') from error

    def find_class(self, module: str, name: str) -> Any:
        """Look a global up in the table of what is known."""
        # Protocol 2 and below write Python 2's name.
        path = f'{"builtins" if module == "__builtin__" else module}.{name}'
        if path not in _GLOBALS:
            raise pickle.UnpicklingError(f'Unsupported global: {path}')
        return _GLOBALS[path]

    def _reduce(self) -> None:
        function, arguments = self.stack[-2:]
        if type(arguments) is not tuple or not any(function is known for known in _CALLABLE):
            raise pickle.UnpicklingError(f'Unsupported call: {function!r}')
        del self.stack[-1]
        self.stack[-1] = function(*arguments)

    def _new(self) -> None:
        cls, arguments = self.stack[-2:]
        if cls is not HistoryBuffer or arguments != ():
            raise pickle.UnpicklingError(f'Unsupported new object: {cls!r}')
        del self.stack[-1]
        self.stack[-1] = HistoryBuffer.__new__(HistoryBuffer)

    def _build(self) -> None:
        state = self.stack.pop()
        one = self.stack[-1]
        if type(one) is np.ndarray:
            one.__setstate__(state)
        elif type(one) is OrderedDict and type(state) is dict and set(state) == {'_metadata'}:
            one._metadata = state['_metadata']  # versions of the modules of a state dict
        elif type(one) is HistoryBuffer and type(state) is dict and set(state) <= _HISTORY_STATE:
            methods = state.get('statistics_methods', {})
            if any(method is not getattr(HistoryBuffer, name, None) or name not in _HISTORY_METHODS
                   for name, method in methods.items()):  # fmt: skip
                raise pickle.UnpicklingError('Unsupported statistics of a log history')
            one.__setstate__(state)
        elif isinstance(one, np.dtype) and one in PLAIN_DTYPES:
            # Nothing is to be set: the state tells the byte order and has no fields.
            if state[1] not in ('<', '|', '=') or state[2:] != (None, None, None, -1, -1, 0):
                raise pickle.UnpicklingError(f'Unsupported array type: {state!r}')
        else:
            raise pickle.UnpicklingError(f'Unsupported state of {type(one)!r}')

    def _fill(self, kinds: tuple[type, ...], opcode: int, many: bool) -> None:
        target = self.metastack[-1][-1] if many else self.stack[-2 if kinds == (list,) else -3]
        if type(target) not in kinds:
            raise pickle.UnpicklingError(f'Unsupported items of {type(target)!r}')
        pickle._Unpickler.dispatch[opcode](self)

    def _storage(self) -> None:
        key = self.stack[-1]
        # Of what torch writes by reference, the source code of a module is the other kind.
        if type(key) is not tuple or key[:1] not in (('storage',), (b'storage',)):
            raise pickle.UnpicklingError('Unsupported reference: not a storage of a tensor')
        pickle._Unpickler.dispatch[pickle.BINPERSID[0]](self)

    dispatch[pickle.REDUCE[0]] = _reduce
    dispatch[pickle.NEWOBJ[0]] = _new
    dispatch[pickle.BUILD[0]] = _build
    dispatch[pickle.BINPERSID[0]] = _storage
    for _opcode, _kinds, _many in (
        (pickle.APPEND[0], (list,), False),
        (pickle.APPENDS[0], (list,), True),
        (pickle.SETITEM[0], (dict, OrderedDict), False),
        (pickle.SETITEMS[0], (dict, OrderedDict), True),
    ):
        dispatch[_opcode] = lambda self, kinds=_kinds, opcode=_opcode, many=_many: self._fill(
            kinds, opcode, many
        )
    del _opcode, _kinds, _many


def load(file: BinaryIO, **options: Any) -> Any:
    """Read one object from a file; the counterpart of :func:`pickle.load`."""
    return Unpickler(file, **options).load()
