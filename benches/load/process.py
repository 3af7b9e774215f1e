"""A running server: started, ready, accounted for, and surely ended."""

import contextlib
import os
import resource
import signal
import socket
import subprocess
import tempfile
import time

from tools import Failed, die_with_parent, last_lines

ADDRESS = "127.0.0.1"
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class Running:
    """A started server; `pid` is the server's own, also under a tracer."""

    def __init__(self, process, port, complaints):
        self.process = process
        self.port = port
        self.complaints = complaints
        self.pid = process.pid

    def check_alive(self):
        if self.process.poll() is not None:
            self.complaints.seek(0)
            text = last_lines(self.complaints.read().decode(errors="replace"))
            raise Failed(f"ended with status {self.process.returncode}: {text}")

    def cpu_seconds(self):
        """User and system time of the server and its children so far."""
        ticks = 0
        for pid in family(self.pid):
            fields = stat_fields(pid)
            # Fields 14 and 15 of proc(5), counted from the state, field 3.
            ticks += int(fields[11]) + int(fields[12])
        return ticks / TICKS_PER_SECOND

    def resident_bytes(self):
        """Resident memory of the server and its children.

        From `smaps_rollup`, which walks the page tables: the count in `status`
        lags behind by up to 64 pages a thread.
        """
        kilobytes = 0
        for pid in family(self.pid):
            with open(f"/proc/{pid}/smaps_rollup") as lines:
                kilobytes += sum(int(line.split()[1]) for line in lines if line.startswith("Rss:"))
        return kilobytes * 1024

    def settled_resident_bytes(self, seconds=1.0):
        """Resident memory once two readings in a row agree."""
        deadline = time.monotonic() + seconds
        previous = self.resident_bytes()
        while True:
            time.sleep(0.05)
            current = self.resident_bytes()
            if current == previous or time.monotonic() > deadline:
                return current
            previous = current

    def end(self, seconds=30):
        """Asks the server to end and waits for it, and for its tracer."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failed(f"did not end {seconds} s after SIGTERM") from None


@contextlib.contextmanager
def running(server, *, threads=1, core=None, alone=False, under=(), batch=False, ready_seconds=10, environment=()):
    """Starts a server on a free port of 127.0.0.1, and kills it at the end.

    `under` are the words of a tracer. `batch` starts it under SCHED_BATCH: then
    it never interrupts a client on the same core. `environment` is added to
    this program's own.
    """

    def before_exec():
        die_with_parent()
        if core is not None:
            os.sched_setaffinity(0, {core})
        if batch:
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))

    with tempfile.TemporaryDirectory(prefix="bench-") as folder, tempfile.TemporaryFile() as complaints:
        port = free_port()
        command = server.command(f"{ADDRESS}:{port}", threads, folder, alone)
        try:
            process = subprocess.Popen(
                [*under, *command],
                stdin=subprocess.DEVNULL,
                env={**os.environ, **dict(environment)},
                stdout=complaints,
                stderr=complaints,
                start_new_session=True,
                preexec_fn=before_exec,
            )
        except OSError as error:
            raise Failed(f"cannot be started: {error.strerror}") from None
        try:
            started = Running(process, port, complaints)
            wait_until_ready(started, ready_seconds)
            if under and "strace" in under[0]:
                started.pid = children(process.pid)[0]
            yield started
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_until_ready(started, seconds):
    """Returns when the server accepts a connection."""
    deadline = time.monotonic() + seconds
    while True:
        started.check_alive()
        try:
            socket.create_connection((ADDRESS, started.port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise Failed(f"does not listen {seconds} s after its start") from None
            time.sleep(0.02)


def free_port():
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return probe.getsockname()[1]


def stat_fields(pid):
    """/proc/PID/stat from the state on; the name before may hold anything."""
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()


def children(parent):
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                if int(stat_fields(entry)[1]) == parent:
                    found.append(int(entry))
    return found


def family(pid):
    """A process and all that descend from it."""
    found = [pid]
    for member in found:
        found.extend(children(member))
    return found


def allow_open_files(count):
    """Lets this program, and the servers it starts, open so many files."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(count, hard) if hard != resource.RLIM_INFINITY else count
    for soft, ceiling in ((count, wanted), (min(count, hard), hard)):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, ceiling))
            return
