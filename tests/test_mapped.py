import numpy as np
import pytest

from dancenet.footage.mapped import read_rows

SHAPE = (3, 2, 50, 4)


@pytest.fixture
def array(tmp_path):
    """(ways, 2, N, D) in a file."""
    made = np.random.default_rng(0).normal(size=SHAPE).astype("float32")
    np.save(tmp_path / "a.npy", made)
    return made, np.load(tmp_path / "a.npy", mmap_mode="r")


@pytest.mark.parametrize(
    "numbers", [[0], [49], [3, 4, 5, 9], [9, 3, 3, 48, 0], [], list(range(50)), [[1, 2], [40, 1]]]
)
def test_rows_of_any_part_of_a_file_are_what_numpy_reads(array, numbers):
    whole, mapped = array
    numbers = np.array(numbers, int)
    for part in ((0, 0), (2, 1), (1, 0)):
        read = read_rows(mapped[part], numbers)
        np.testing.assert_array_equal(read, whole[part][numbers])
        assert not isinstance(read, np.memmap)
        read[...] = 0  # a copy of its own
    np.testing.assert_array_equal(read_rows(mapped[1:, 0], np.array([1, 0])), whole[[2, 1], 0])
    np.testing.assert_array_equal(read_rows(whole[0, 0], numbers), whole[0, 0][numbers])
    np.testing.assert_array_equal(read_rows(mapped[0, 0][10:], np.array([3])), whole[0, 0][[13]])


def test_rows_that_are_not_there(array):
    _, mapped = array
    for wrong in (50, -1):
        with pytest.raises(IndexError):
            read_rows(mapped[0, 0], np.array([3, wrong]))


def test_a_file_that_became_shorter_is_noticed(array, tmp_path):
    _, mapped = array
    with open(tmp_path / "a.npy", "r+b") as file:
        file.truncate(900)
    with pytest.raises(OSError, match=r"a\.npy ends too early"):
        read_rows(mapped[2, 1], np.array([49]))
