"""Things made ahead by a thread come in their order, not too many of them, and errors in their turn."""

import threading

import pytest

from dancenet.batching.ahead import ahead


def test_order_and_end():
    assert list(ahead(iter(range(100)), 7)) == list(range(100))
    assert list(ahead(iter(()), 3)) == []


def test_another_thread_makes_no_more_than_may_wait():
    made, allowed, makers = [], 1, set()

    def counted():
        for number in range(50):
            makers.add(threading.get_ident())
            assert number < allowed + 4
            made.append(number)
            yield number

    for taken in ahead(counted(), 4):
        allowed = taken + 2
    assert made == list(range(50))
    assert len(makers) == 1
    assert threading.get_ident() not in makers


def test_an_error_comes_in_its_turn():
    def failing():
        yield 1
        yield 2
        raise OSError("the source ended")

    items = ahead(failing(), 8)
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(OSError, match="the source ended"):
        next(items)


def test_who_stops_early_ends_the_thread():
    before = threading.active_count()
    for item in (coming := ahead(iter(range(1000)), 4)):
        if item == 3:
            break
    coming.close()
    assert threading.active_count() == before
