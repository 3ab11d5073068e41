"""Reading ``cls_labels.npy`` without running what it may contain.

The file is a pickled dict, and unpickling runs whatever code the file names. This reader knows the
few pickle operations that NumPy arrays in a dict are made of, resolves the few global names they
use to stand-ins of its own, and refuses the rest. NumPy's own unpickling is not used either: an
array's pickled state can make it read arbitrary memory.
"""

from __future__ import annotations

import io
import pickle
import re

import numpy as np

OPERATIONS = (
    'PROTO FRAME STOP MARK NONE NEWTRUE NEWFALSE BININT BININT1 BININT2 LONG1 BINUNICODE '
    'SHORT_BINUNICODE BINBYTES SHORT_BINBYTES BINSTRING SHORT_BINSTRING GLOBAL STACK_GLOBAL '
    'EMPTY_TUPLE TUPLE1 TUPLE2 TUPLE3 TUPLE EMPTY_LIST APPEND APPENDS EMPTY_DICT BINGET '
    'LONG_BINGET BINPUT LONG_BINPUT MEMOIZE'
).split()


def load_array_dict(content: bytes, name: str) -> dict[str, np.ndarray]:
    """Read the content of a ``.npy`` file that holds a dict of arrays.

    Args:
        content (bytes): Content of the file, written by ``numpy.save`` of any version.
        name (str): Path of the file, for messages.

    Returns:
        dict[str, np.ndarray]: One-dimensional bool, integer or float arrays. Integer keys are
        given as text.

    Raises:
        ValueError: If the content is damaged, is not such a dict, has a key twice, or names
            anything but arrays.
    """
    file = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(file)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, _, dtype = read_header(file)
    except Exception:
        # Whatever a header of random bytes makes the parser raise.
        raise ValueError(f'{name}: the file is damaged or no .npy file') from None
    if shape != () or dtype != np.dtype(object):
        raise ValueError(
            f'{name}: holds an array of {dtype} with shape {shape}, expected a dict of arrays'
        )
    try:
        loaded = _ArrayUnpickler(file, encoding='latin1').load()
        entries = loaded.item()
    except pickle.UnpicklingError as error:
        raise ValueError(f'{name}: refused, {error}') from None
    except Exception as error:
        # A damaged stream can fail in any operation; none of them runs code of the file.
        raise ValueError(f'{name}: the file is damaged ({type(error).__name__})') from None
    result: dict[str, np.ndarray] = {}
    for key, value in entries.items():
        text = str(key)
        if text in result:
            raise ValueError(f'{name}: duplicate key {text!r}')
        if not isinstance(value, _Array):
            raise ValueError(
                f'{name}: key {text!r} holds {type(value).__name__}, expected an array'
            )
        try:
            result[text] = value.vector()
        except Exception as error:
            raise ValueError(f'{name}: key {text!r} holds no plain vector ({error})') from None
    return result


class _Dtype:
    """Stand-in for numpy.dtype: kind, size and byte order of plain numbers, text and objects."""

    def __init__(self, spec: str, *_: object) -> None:
        match = re.fullmatch(r'([<>|=]?)([biufUO])([0-9]{0,4})', spec)
        if not match:
            raise pickle.UnpicklingError(f'dtype {spec!r} is no plain number')
        self.order, self.kind, self.size = match.groups()

    def __setstate__(self, state: tuple) -> None:
        if state[1] in ('<', '>', '|', '='):
            self.order = state[1]

    def numpy(self) -> np.dtype:
        """Give the dtype; never object, whose arrays hold pointers."""
        if self.kind == 'O':
            raise ValueError('objects, expected numbers')
        return np.dtype(f'{self.order}{self.kind}{self.size}')


class _Array:
    """Stand-in for numpy.ndarray, which keeps its pickled state as it is."""

    def __setstate__(self, state: tuple) -> None:
        _, self.shape, self.dtype, _, self.data = state

    def item(self) -> dict:
        """Give the dict in an array of no dimensions."""
        if self.shape != () or not isinstance(self.data, list) or len(self.data) != 1:
            raise ValueError('no array of no dimensions')
        if not isinstance(self.data[0], dict):
            raise pickle.UnpicklingError('it holds no dict')
        return self.data[0]

    def vector(self) -> np.ndarray:
        """Give the one-dimensional array of numbers."""
        dtype = self.dtype.numpy()
        if dtype.kind not in 'biuf':
            raise ValueError(f'dtype {dtype}')
        vector = np.frombuffer(_bytes(self.data), dtype)
        if (len(vector),) != self.shape:
            raise ValueError(f'shape {self.shape}')
        return vector


def _reconstruct(*_: object) -> _Array:
    return _Array()


def _scalar(dtype: _Dtype, data: bytes | str) -> int | str:
    """Stand-in for a NumPy scalar, which serves as a key: an integer or text."""
    if dtype.kind == 'U':
        return str(np.frombuffer(_bytes(data), dtype.numpy())[0])
    if dtype.kind in 'iu':
        return int(np.frombuffer(_bytes(data), dtype.numpy())[0])
    raise pickle.UnpicklingError(f'a scalar of kind {dtype.kind!r}, expected an integer or text')


def _encode(text: str, encoding: str) -> bytes:
    """Stand-in for _codecs.encode, by which old pickles write bytes."""
    if encoding != 'latin1':
        raise pickle.UnpicklingError(f'text in encoding {encoding!r}')
    return text.encode('latin1')


def _bytes(data: bytes | str) -> bytes:
    return data if isinstance(data, bytes) else data.encode('latin1')


# Python before 3.0 and NumPy 1 and 2 name the same things differently.
STAND_INS = {
    ('numpy', 'ndarray'): _Array,
    ('numpy', 'dtype'): _Dtype,
    ('numpy.core.multiarray', '_reconstruct'): _reconstruct,
    ('numpy._core.multiarray', '_reconstruct'): _reconstruct,
    ('numpy.core.multiarray', 'scalar'): _scalar,
    ('numpy._core.multiarray', 'scalar'): _scalar,
    ('_codecs', 'encode'): _encode,
}


class _ArrayUnpickler(pickle._Unpickler):
    """Unpickler of dicts of arrays.

    The unpickler written in Python is used because its operations can be taken away, and because
    the one written in C reserves as much memory as a damaged file asks for.
    """

    dispatch = {
        getattr(pickle, name)[0]: pickle._Unpickler.dispatch[getattr(pickle, name)[0]]
        for name in OPERATIONS
    }

    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in STAND_INS:
            raise pickle.UnpicklingError(f'it names {module}.{name}, expected arrays only')
        return STAND_INS[module, name]

    def load_reduce(self) -> None:
        arguments = self.stack.pop()
        function = self.stack[-1]
        if function not in (_Dtype, _reconstruct, _scalar, _encode):
            raise pickle.UnpicklingError('it calls something that makes no array')
        self.stack[-1] = function(*arguments)

    def load_build(self) -> None:
        state = self.stack.pop()
        if not isinstance(self.stack[-1], (_Array, _Dtype)):
            raise pickle.UnpicklingError('it sets the state of something that is no array')
        self.stack[-1].__setstate__(state)

    def load_setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._set(self.stack[-1], key, value)

    def load_setitems(self) -> None:
        items = self.pop_mark()
        for key, value in zip(items[::2], items[1::2], strict=True):
            self._set(self.stack[-1], key, value)

    @staticmethod
    def _set(target: dict, key: object, value: object) -> None:
        # Other keys could be nested so deeply that hashing them overflows the stack.
        if type(key) not in (str, int):
            raise pickle.UnpicklingError(f'a key is {type(key).__name__}, expected text or integer')
        if key in target:
            raise pickle.UnpicklingError(f'duplicate key {key!r}')
        target[key] = value

    dispatch[pickle.REDUCE[0]] = load_reduce
    dispatch[pickle.BUILD[0]] = load_build
    dispatch[pickle.SETITEM[0]] = load_setitem
    dispatch[pickle.SETITEMS[0]] = load_setitems
