"""Jobs on workers that die: nothing is lost, nothing is done twice, and what kills every worker is given up."""

import os
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Future
from contextlib import contextmanager
from typing import Any

import dask
import pytest

from cellwright.errors import CellwrightError
from cellwright.studies.workers import BACKENDS, Backend, Submit, completed


class DeathError(Exception):
    """What a function raises here to stand for the death of its worker."""


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """A backend named pool that runs jobs at once in this process; a death breaks it for the rest of the round."""
    seen: Counter[str] = Counter()

    @contextmanager
    def workers(jobs: int, scheduler: str) -> Iterator[Submit]:
        seen["opened"] += 1
        broken = False

        def submit(function: Any, item: Any) -> Future[Any]:
            nonlocal broken
            if broken:
                raise BrokenExecutor
            future: Future[Any] = Future()
            try:
                future.set_result(function(item))
            except DeathError:
                broken = True
                future.set_exception(BrokenExecutor())
            return future

        try:
            yield submit
        finally:
            seen["closed"] += 1

    monkeypatch.setattr(
        "cellwright.studies.workers.BACKENDS", BACKENDS | {"pool": Backend(workers, lambda: (BrokenExecutor,))}
    )
    return seen


def test_a_death_costs_only_the_job_in_work(pool: Counter[str]) -> None:
    runs: Counter[int] = Counter()
    left: list[int] = []

    def square(item: int) -> int:
        runs[item] += 1
        if item == 3 and runs[3] == 1:
            raise DeathError
        return item * item

    found = list(completed(square, range(8), jobs=2, backend="pool", died=left.append))
    assert sorted(found) == [(item, item * item) for item in range(8)]
    assert runs == Counter({**dict.fromkeys(range(8), 1), 3: 2})
    assert left == [5]
    assert pool["opened"] == pool["closed"] == 2


def test_what_kills_every_worker_is_given_up_after_all_others_are_done(pool: Counter[str]) -> None:
    done = []

    def deadly(item: int) -> int:
        if item in (0, 1):
            raise DeathError
        return item

    with pytest.raises(CellwrightError, match=r"killed 3 times with nothing done.*2 jobs are left.*the same command"):
        done.extend(item for item, _ in completed(deadly, range(6), jobs=2, backend="pool"))
    assert sorted(done) == [2, 3, 4, 5]


def test_an_error_in_a_worker_is_one_here(pool: Counter[str]) -> None:
    def fails(item: int) -> int:
        raise CellwrightError("no room for a pair")

    with pytest.raises(CellwrightError, match="no room for a pair"):
        list(completed(fails, range(3), jobs=2, backend="pool"))
    assert pool["closed"] == 1


def test_leaving_early_closes_the_workers(pool: Counter[str]) -> None:
    results = completed(abs, range(3), jobs=2, backend="pool")
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert pool["closed"] == 1


def test_one_job_at_a_time_needs_no_other_process() -> None:
    pids = {pid for _, pid in completed(lambda item: os.getpid(), range(3))}
    assert pids == {os.getpid()}


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"backend": "lokky"}, "no backend is called 'lokky': did you mean 'loky'"),
        ({"scheduler": "tcp://here:1"}, "loky has no scheduler"),
    ],
)
def test_a_backend_that_is_not_there_is_refused(options: dict[str, str], complaint: str) -> None:
    with pytest.raises(CellwrightError, match=complaint):
        list(completed(abs, [1], **options))


def test_a_package_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(CellwrightError, match=r"needs the package ray: pip install 'cellwright\[ray\]'"):
        list(completed(abs, [1], backend="ray"))


def test_a_scheduler_that_does_not_answer_is_named() -> None:
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "0.3s"}),
        pytest.raises(CellwrightError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"),
    ):
        list(completed(abs, [1], backend="dask", scheduler="tcp://127.0.0.1:9"))
