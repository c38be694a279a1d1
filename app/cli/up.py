"""`ridgeline up`: web and worker as children of this process, and one job if asked for."""

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from app.errors import Complaint
from app.settings import settings

START = 180.0  # seconds the children may take until they are ready: a cold disk is slow
LEAVE = 10.0  # seconds they may take to leave
ENDS, WITHIN = 3, 60.0  # a child that ends so often in so many seconds would end again
CALLED = {"serve": "The server", "worker": "The worker"}
AGAIN = ("failed", "cancelled", "timed_out")


class Service:
    """Web and worker while they run."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self.ends: dict[str, list[float]] = {}  # when each child ended, of late

    @property
    def address(self) -> str:
        """Where this machine finds the dashboard."""
        everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}
        host = everywhere.get(self.host, f"[{self.host}]" if ":" in self.host else self.host)
        return f"http://{host}:{self.port}"

    def start(self, *commands: str) -> None:
        """Start `ridgeline COMMAND` for each; they end when this process does, however it ends."""
        environment = os.environ | {"RIDGELINE_PORT": str(self.port)}
        if sys.stderr.isatty() and settings().log_level == "INFO":
            environment["RIDGELINE_LOG_LEVEL"] = "WARNING"  # the terminal shows a bar instead
        for command in commands:
            self.children[command] = subprocess.Popen(
                [sys.executable, "-m", "app", command, "--parent", str(os.getpid())],
                env=environment,
                process_group=0,  # a Ctrl-C is ours: we tell them
            )

    def check(self) -> None:
        """Start again what has ended; raises Complaint where it does so again and again."""
        for command, child in [*self.children.items()]:
            if (code := child.poll()) is None:
                continue
            now = time.monotonic()
            ends = [at for at in self.ends.get(command, ()) if now - at < WITHIN] + [now]
            self.ends[command] = ends
            if len(ends) >= ENDS:
                often = f"has ended {len(ends)} times within a minute"
                raise Complaint(f"`ridgeline {command}` {often}, {_how(code)}: see above.")
            said = f"{CALLED[command]} has ended, {_how(code)}; it is started again."
            print(said, file=sys.stderr, flush=True)  # noqa: T201
            self.start(command)

    def wait(self) -> None:
        """Return at Ctrl-C; raises Complaint as `check` does."""
        with suppress(KeyboardInterrupt):
            while True:
                self.check()
                time.sleep(0.5)

    def wait_until_ready(self) -> None:
        """Return when /readyz says so."""
        until = time.monotonic() + START
        while True:
            self.check()
            ready, said = self._ready()
            if ready:
                return
            if "MiB are free" in said:  # it will not get more by itself
                raise Complaint(said)
            if time.monotonic() > until:
                raise Complaint(f"Not ready after {START:g} s: {said}")
            time.sleep(0.1)

    def _ready(self) -> tuple[bool, str]:
        try:
            with urlopen(f"{self.address}/readyz", timeout=5) as answer:
                return answer.status == 200, ""
        except HTTPError as error:
            checks = json.load(error).get("checks", {})
            wrong = [f"{name}: {text}" for name, text in checks.items() if text != "ok"]
            return False, " ".join(wrong)
        except (URLError, OSError) as error:
            return False, str(error)

    def ask(self, path: str, body: Mapping[str, Any], key: str) -> tuple[int, dict[str, Any]]:
        """POST as JSON; status and answer."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        data = json.dumps(body).encode()
        try:
            with urlopen(Request(f"{self.address}{path}", data, headers), timeout=30) as answer:
                return answer.status, json.load(answer)
        except HTTPError as error:
            return error.code, json.load(error)

    def defaults(self, name: str) -> dict[str, Any]:
        """An experiment as a job holds it where nothing but its name is asked for."""
        schema = json.loads(self.fetch(f"/api/v1/experiments/{name}"))["json_schema"]
        return {field: item.get("default") for field, item in schema["properties"].items()}

    def fetch(self, path: str) -> bytes:
        """GET."""
        with urlopen(f"{self.address}{path}", timeout=60) as answer:
            body: bytes = answer.read()
            return body

    def stop(self) -> None:
        """Ask them to leave; make those leave that do not."""
        for child in self.children.values():
            child.terminate()
        until = time.monotonic() + LEAVE
        for child in self.children.values():
            with suppress(subprocess.TimeoutExpired):
                child.wait(max(0.0, until - time.monotonic()))
            child.kill()
            child.wait()


def _how(code: int) -> str:
    """How a child ended."""
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"


@contextmanager
def serving() -> Iterator[Service]:
    """Web and worker, ready, while the block runs."""
    service = Service(settings().host, free_port(settings().host, settings().port))
    # all leave by the same door; SIGINT is ignored where a shell runs us in the background
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    try:
        service.start("serve", "worker")
        service.wait_until_ready()
        yield service
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # one Ctrl-C is enough
        service.stop()
        signal.signal(signal.SIGINT, signal.default_int_handler)


def free_port(host: str, port: int) -> int:
    """The port, or any for 0.

    Raises:
        Complaint: where that is no address of ours, another program listens there, or we may not.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
                why = f"RIDGELINE_HOST is {host!r}: {error.strerror or error}."
                raise Complaint(f"{why} Let it be an address of this machine.") from None
            raise Complaint(
                f"Port {port} of {host} cannot be used ({error.strerror}): stop what listens there,"
                f" or choose another with RIDGELINE_PORT, e.g. RIDGELINE_PORT={port + 1}."
            ) from None
        return int(listener.getsockname()[1])


def job_of(service: Service, name: str) -> tuple[int, bool]:
    """Number of the job that an earlier `up` made of the defaults, or a new one's; is it done.

    The key of a job counts up past those that did not succeed, and past other defaults of old.
    """
    for count in range(1, 1000):
        key = f"ridgeline-up-{name}-{count}"
        status, answer = service.ask("/api/v1/jobs", {"experiment": {"name": name}}, key)
        if status == 202 and answer["status"] not in AGAIN:
            return int(answer["id"]), answer["status"] == "succeeded"
        if status not in (202, 409):
            raise Complaint(str(answer.get("detail", answer)))
    raise Complaint(f"{name} was tried too often; delete its failed jobs on the dashboard.")
