"""Many jobs on many workers: processes of this machine, a Dask cluster or a Ray cluster, and what to do when one dies.

All three are asked for futures of the standard library's kind, and every result is handed over as soon as it is there.
joblib's own ``Parallel`` gives results of Ray only at the end, and with Dask it waits for ever for a job whose worker
was killed.
"""

from __future__ import annotations

import importlib
import logging
import signal
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Future, wait
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from cellwright.cells.listing import fault_of_a_file
from cellwright.errors import CellwrightError, named

Item = TypeVar("Item")
Result = TypeVar("Result")
Submit = Callable[..., "Future[Any]"]
Deaths = tuple[type[BaseException], ...]

_STRIKES = 3
"""How often workers may die with nothing done in between."""


@dataclass(frozen=True)
class Backend:
    """A kind of worker.

    Attributes:
        workers: given a number of jobs and an address, a context in which jobs can be submitted.
        deaths: what a future raises when a worker has died, as module and names, so that nothing is imported early.
    """

    workers: Callable[[int, str], AbstractContextManager[Submit]]
    deaths: Callable[[], Deaths]


@dataclass(frozen=True)
class _Refused:
    """An error of the person's in a worker, as a value: not every backend hands an exception over as it was."""

    message: str


@dataclass(frozen=True)
class _Guarded(Generic[Item, Result]):
    """The function that workers run."""

    function: Callable[[Item], Result]

    def __call__(self, item: Item) -> Result | _Refused:
        try:
            return self.function(item)
        except CellwrightError as error:
            return _Refused(str(error))
        except Exception as error:
            if told := fault_of_a_file(error):
                return _Refused(told)
            raise


def find_backend(name: str, scheduler: str = "") -> Backend:
    """A backend by name.

    Raises:
        CellwrightError: no backend has that name, it is not installed, or it has no scheduler.
    """
    found = named("backend", name, BACKENDS)
    if scheduler and name == "loky":
        raise CellwrightError("loky has no scheduler: leave --scheduler out, or choose --backend dask or ray")
    found.deaths()
    return found


def completed(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    jobs: int = 1,
    backend: str = "loky",
    scheduler: str = "",
    died: Callable[[int], None] = lambda left: None,
) -> Iterator[tuple[Item, Result]]:
    """Every item with its result, as they are done.

    The jobs of a worker that is killed are given to others; ``died`` is then called with the number of items left.

    Args:
        function: of one item; for workers elsewhere it must be importable there, or be a partial of such a function.
        jobs: how many at a time; one, with loky, runs in this process.
        backend: one of `BACKENDS`.
        scheduler: address of a cluster; empty for workers of one's own on this machine.

    Raises:
        CellwrightError: the function raised one; workers died again and again with nothing done in between; the backend
            is unknown, not installed, or out of reach.
    """
    kind = find_backend(backend, scheduler)
    if jobs == 1 and backend == "loky":
        for item in items:
            yield item, function(item)
        return
    # A cluster knows itself how many it can do. More than loky can queue, and it would stumble over its own shutdown.
    ahead = len(items) if scheduler else 2 * jobs
    left, strikes = list(items), 0
    while left:
        done: set[int] = set()
        with kind.workers(jobs, scheduler) as submit:
            for index, result in _surviving(submit, _Guarded(function), left, ahead, kind.deaths()):
                done.add(index)
                yield left[index], result
        strikes = 0 if done else strikes + 1
        left = [item for index, item in enumerate(left) if index not in done]
        if strikes == _STRIKES:
            raise CellwrightError(
                f"workers were killed {_STRIKES} times with nothing done in between (out of memory?): {len(left)} jobs "
                "are left, the others are kept; the same command goes on, with fewer --jobs if memory is short"
            )
        if left:
            died(len(left))
        # Whatever kills its worker shall not stand in the way of the others.
        left = left[jobs:] + left[:jobs]


def _surviving(
    submit: Submit, function: Callable[[Item], Any], items: Sequence[Item], ahead: int, deaths: Deaths
) -> Iterator[tuple[int, Any]]:
    """The results of those jobs whose worker lived, with the places of their items; ``ahead`` jobs are handed out."""
    waiting = deque(range(len(items)))
    futures: dict[Future[Any], int] = {}
    while waiting or futures:
        try:
            while waiting and len(futures) < ahead:
                index = waiting.popleft()
                futures[submit(function, items[index])] = index
        except deaths:
            waiting.clear()  # the pool is broken: what it was given ends by itself
        for future in wait(futures, return_when=FIRST_COMPLETED).done:
            index = futures.pop(future)
            try:
                result = future.result()
            except deaths:
                continue
            if isinstance(result, _Refused):
                raise CellwrightError(result.message)
            yield index, result


@contextmanager
def _loky(jobs: int, scheduler: str) -> Iterator[Submit]:
    from joblib.externals.loky import ProcessPoolExecutor

    executor = ProcessPoolExecutor(max_workers=jobs, initializer=_leave_interrupts)
    try:
        yield executor.submit
    finally:
        executor.shutdown(wait=True, kill_workers=True)


def _loky_deaths() -> Deaths:
    return (BrokenExecutor,)


def _leave_interrupts() -> None:
    """Ctrl-C reaches every process of the terminal; only the one that started the others answers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


_LEAVE_INTERRUPTS = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
"""The same for Dask, whose workers run it when they start, and when they start again."""


@contextmanager
def _dask(jobs: int, scheduler: str) -> Iterator[Submit]:
    distributed = _installed("distributed", "dask")
    with ExitStack() as stack:
        # What happens to workers is told in our own words.
        stack.enter_context(distributed.utils.silence_logging_cmgr(logging.CRITICAL))
        address: Any = scheduler or stack.enter_context(
            distributed.LocalCluster(
                n_workers=jobs,
                threads_per_worker=1,
                dashboard_address=None,
                silence_logs=logging.CRITICAL,
                preload=_LEAVE_INTERRUPTS,
            )
        )
        try:
            client = stack.enter_context(distributed.Client(address, set_as_default=False))
        except (OSError, ValueError) as error:
            raise CellwrightError(f"no Dask scheduler answers at {scheduler}: name one, as tcp://HOST:8786") from error
        yield client.get_executor(pure=False).submit


def _dask_deaths() -> Deaths:
    return _installed("distributed", "dask").KilledWorker, CancelledError


@contextmanager
def _ray(jobs: int, scheduler: str) -> Iterator[Submit]:
    ray = _installed("ray", "ray")
    own = {"address": "local", "num_cpus": jobs, "include_dashboard": False}
    try:
        ray.init(**({"address": scheduler} if scheduler else own), log_to_driver=False, logging_level=logging.CRITICAL)
    except (OSError, ValueError, RuntimeError) as error:
        where = f"the Ray cluster at {scheduler}" if scheduler else "a Ray cluster on this machine"
        reason = str(error).partition("\n")[0]
        raise CellwrightError(
            f"{where} cannot be used ({reason}): name one that answers and lets you in, as HOST:6379, or auto"
        ) from error
    remote = ray.remote(num_cpus=1, max_retries=_STRIKES)(_call)
    try:
        yield lambda function, item: remote.remote(function, item).future()
    finally:
        ray.shutdown()


def _ray_deaths() -> Deaths:
    exceptions = _installed("ray", "ray").exceptions
    return exceptions.WorkerCrashedError, exceptions.OutOfMemoryError, exceptions.NodeDiedError


def _call(function: Callable[[Item], Result], item: Item) -> Result:
    return function(item)


def _installed(module: str, extra: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise CellwrightError(
            f"--backend {extra} needs the package {module}: pip install 'cellwright[{extra}]'"
        ) from error


BACKENDS: Mapping[str, Backend] = {
    "loky": Backend(_loky, _loky_deaths),
    "dask": Backend(_dask, _dask_deaths),
    "ray": Backend(_ray, _ray_deaths),
}
"""Processes of this machine, a Dask cluster, a Ray cluster."""
