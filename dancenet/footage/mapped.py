"""Rows of large arrays in files, read by number.

A memory map reads a page at a time, each when it is touched: of an array that does not fit into memory a
hundred or two rows a second (docs/experiments.md). Here every run of rows is one read, and
the operating system is told of all of them before the first.
"""

import os
from collections.abc import Sequence

import numpy as np


def read_rows(array: np.ndarray, numbers: np.ndarray | Sequence[int]) -> np.ndarray:
    """`array[numbers]`, (n, ...), of any order; as NumPy does it where the array is in memory.

    Args:
        array: (N, ...), a memory map or part of one, or any other.
        numbers: (n,) from 0 to N - 1.
    """
    numbers = np.asarray(numbers)
    if not isinstance(array, np.memmap) or not array.flags.c_contiguous or array.filename is None:
        return array[numbers]
    root = array.base if isinstance(array.base, np.memmap) else array
    begin = root.offset + array.ctypes.data - root.ctypes.data
    bytes_a_row = array.dtype.itemsize * int(np.prod(array.shape[1:]))
    wanted, places = np.unique(numbers, return_inverse=True)
    found = np.empty((len(wanted), *array.shape[1:]), array.dtype)
    if len(wanted) and not 0 <= wanted[0] <= wanted[-1] < len(array):
        raise IndexError(f"rows {wanted[0]} to {wanted[-1]} of {len(array)}")
    runs = np.split(np.arange(len(wanted)), np.flatnonzero(np.diff(wanted) != 1) + 1) if len(wanted) else []
    with open(array.filename, "rb", buffering=0) as file:
        if hasattr(os, "posix_fadvise"):
            for run in runs:
                place = begin + int(wanted[run[0]]) * bytes_a_row
                os.posix_fadvise(file.fileno(), place, len(run) * bytes_a_row, os.POSIX_FADV_WILLNEED)
        for run in runs:
            file.seek(begin + int(wanted[run[0]]) * bytes_a_row)
            _fill(file, found[run[0] : run[-1] + 1])
    if np.array_equal(wanted, numbers):  # each once, in order: as they were read
        return found
    return found[places.reshape(numbers.shape)]


def _fill(file, target: np.ndarray) -> None:
    """Read into all of an array; a read may bring less than was asked for."""
    left = target.reshape(-1).view("uint8").data
    while left:
        count = file.readinto(left)
        if not count:
            raise OSError(f"{file.name} ends too early")
        left = left[count:]
