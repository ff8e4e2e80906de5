import threading
import time

import pytest

from dashboards.files.cache import BoundedCache


def test_what_was_used_longest_ago_goes_first():
    cache = BoundedCache(limit=10, size=len)
    cache.get("a", lambda: b"1234")
    cache.get("b", lambda: b"1234")
    cache.get("a", lambda: b"never made")
    cache.get("c", lambda: b"1234")
    assert cache.total == 8
    assert cache.get("a", lambda: b"made again") == b"1234"
    assert cache.get("b", lambda: b"made") == b"made"


def test_a_value_is_made_once_however_many_ask():
    cache, made = BoundedCache(limit=4), []

    def make():
        time.sleep(0.05)
        made.append(1)
        return "value"

    threads = [threading.Thread(target=lambda: cache.get("key", make)) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(made) == 1


def test_a_failure_is_not_kept():
    cache = BoundedCache(limit=4)
    with pytest.raises(OSError, match="gone"):
        cache.get("key", lambda: (_ for _ in ()).throw(OSError("gone")))
    assert cache.get("key", lambda: "there") == "there"
