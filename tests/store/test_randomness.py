"""Random bytes: as many as asked for, and none of them twice."""

import os

from gateway.store.randomness import random_bytes


def test_random_bytes_when_taken_in_any_sizes_then_they_have_these_and_none_comes_twice():
    sizes = [12, 32] * 400 + [5000, 0, 12]
    taken = [random_bytes(size) for size in sizes]
    assert [len(part) for part in taken] == sizes
    assert len({part[:12] for part in taken if part}) == len(taken) - 1


def test_random_bytes_when_a_process_is_forked_then_it_takes_others_than_its_parent():
    random_bytes(12)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, random_bytes(32))
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert os.read(reader, 32) != random_bytes(32)
    os.close(reader)
    os.close(writer)
