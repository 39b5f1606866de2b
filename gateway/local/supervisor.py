"""Keeping the processes of `ramu run`: started together, restarted when they die, stopped together."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_LINE_MAX_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Child:
    """A program of ours and the name under which its lines appear."""

    name: str
    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long we wait for what."""

    first_restart_s: float = 1
    longest_restart_s: float = 30
    steady_s: float = 60
    stop_s: float = 15


class Supervisor:
    """The parent of the processes; nothing starts any more once it was told to stop."""

    def __init__(
        self, environment: Mapping[str, str], say: Callable[[str, str], None], patience: Patience | None = None
    ) -> None:
        self._environment = dict(environment)
        self._say = say
        self._patience = patience or Patience()
        self._stopping = asyncio.Event()
        self._hurried = asyncio.Event()

    def give(self, **variables: str) -> None:
        """Add variables to the environment of the programs that start from now on."""
        self._environment |= variables

    @property
    def environment(self) -> Mapping[str, str]:
        """Return what the programs that start now are given."""
        return self._environment

    @property
    def stopping(self) -> bool:
        """Return whether the end has begun."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """Begin the end; asked a second time, do not wait for anybody any more."""
        if self.stopping:
            self._hurried.set()
        self._stopping.set()

    async def finish(self, child: Child) -> int:
        """Run a program to its end and return its exit status; it is ended early when we are told to stop."""
        if self.stopping:
            return 0
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway.local.child", str(os.getpid()), *child.argv),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=self._environment,
            # Ctrl-C reaches us alone; the children hear it from us, once.
            start_new_session=True,
            limit=_LINE_MAX_BYTES,
        )
        ended = asyncio.create_task(self._relay(child.name, process))
        if not await self._first(ended, self._stopping):
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await self._first(ended, self._hurried, self._patience.stop_s)
        # What the program may have started itself, and the program when it did not obey.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        return await ended

    async def watch(self, child: Child) -> None:
        """Run a program again whenever it ends, with growing pauses, until we are told to stop."""
        pause_s = self._patience.first_restart_s
        while not self.stopping:
            started_s = time.monotonic()
            status = await self.finish(child)
            if self.stopping:
                return
            if time.monotonic() - started_s > self._patience.steady_s:
                pause_s = self._patience.first_restart_s
            self._say("ramu", f"ATTENTION : {child.name} est tombé ({_cause(status)}) ; relancé dans {pause_s:g} s.")
            await self.pause(pause_s)
            pause_s = min(2 * pause_s, self._patience.longest_restart_s)

    async def pause(self, pause_s: float) -> bool:
        """Wait a while, and tell whether the end began meanwhile."""
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(self._stopping.wait(), pause_s)
        return False

    async def _first(self, ended: asyncio.Task[int], event: asyncio.Event, timeout_s: float | None = None) -> bool:
        told = asyncio.create_task(event.wait())
        await asyncio.wait({ended, told}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        return ended.done()

    async def _relay(self, name: str, process: asyncio.subprocess.Process) -> int:
        output = process.stdout
        while output is not None:
            try:
                line = await output.readline()
            except ValueError:
                line = b"(ligne trop longue)\n"
            if not line:
                break
            self._say(name, line.decode(errors="replace").rstrip())
        return await process.wait()


def _cause(status: int) -> str:
    return f"code {status}" if status >= 0 else f"signal {signal.Signals(-status).name}"
