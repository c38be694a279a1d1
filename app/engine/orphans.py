"""Nobody outlives the process that answers for it: the kernel sees to it, or a thread does."""

import ctypes
import os
import signal
import sys
import threading
import time
from multiprocessing import parent_process

PR_SET_PDEATHSIG = 1


def die_with_parent(number: int = signal.SIGKILL) -> None:
    """Get this signal when the thread that forked us ends, even in a C call that holds the GIL."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)


def watch_worker() -> None:
    """In a child of multiprocessing: exit when the worker's end of its pipe closes."""
    worker = parent_process()  # not who forked us: that is the fork server
    assert worker is not None

    def watch() -> None:
        worker.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def stay_with(parent: int) -> None:
    """In a child of any kind: ask ourselves to end when `parent`, a process id, has gone."""
    die_with_parent(signal.SIGTERM)

    def watch() -> None:  # for the other kernels, and for a parent that went before the line above
        while os.getppid() == parent:
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
