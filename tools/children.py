"""Child processes that never outlive the program that started them."""

import contextlib
import ctypes
import signal
import subprocess
import sys

PR_SET_PDEATHSIG = 1


def follow_parent(number: signal.Signals = signal.SIGTERM) -> None:
    """For `preexec_fn`: let Linux send the child `number` when the starting thread's process is gone."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)


def stop(
    child: subprocess.Popen[bytes], *, first: signal.Signals = signal.SIGTERM, patience_s: float = 10.0
) -> None:
    """Ask the child to end, and kill it where it has not after `patience_s` seconds."""
    if child.poll() is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        child.send_signal(first)
    try:
        child.wait(timeout=patience_s)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
