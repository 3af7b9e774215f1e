"""Outside programs: found, installed when missing, and run with a time limit."""

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys


class Failed(Exception):
    """A step that did not work; the text says which and why."""


@contextlib.contextmanager
def kept(name, failures):
    """Notes one server's failure, and leaves the others to be measured."""
    try:
        yield
    except (Failed, OSError) as error:
        failures[name] = str(error)


# The program, and the Debian package that has it.
PACKAGES = {
    "g++": "g++",
    "nginx": "nginx-light",
    "strace": "strace",
    "valgrind": "valgrind",
    "wrk": "wrk",
}

SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def find(program):
    """The path of a program, or None."""
    return shutil.which(program, path=SEARCH_PATH)


def require(programs):
    """Installs, by apt, those of the programs that are not there yet."""
    missing = sorted({PACKAGES[name] for name in programs if find(name) is None})
    if not missing:
        return
    note("installing " + " ".join(missing))
    if find("apt-get") is None:
        raise Failed("please install " + " ".join(missing))
    # RUNLEVEL=1: a package must not start a service of its own.
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive", RUNLEVEL="1")
    prefix = [] if os.geteuid() == 0 else ["sudo", "-n", "--preserve-env=DEBIAN_FRONTEND,RUNLEVEL"]
    output([*prefix, "apt-get", "-q", "update"], 300, env=environment)
    install = ["apt-get", "-q", "-y", "install", "--no-install-recommends"]
    output([*prefix, *install, *missing], 600, env=environment)


def output(command, seconds, **options):
    """What the command prints; it fails on another status than 0 or too late."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            **options,
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"{name_of(command)}: not done after {seconds:.0f} s") from None
    except OSError as error:
        raise Failed(f"{name_of(command)}: {error.strerror}") from None
    if done.returncode != 0:
        raise Failed(f"{name_of(command)}: status {done.returncode}: {last_lines(done.stderr)}")
    return done.stdout


def name_of(command):
    """How a command is called in messages: by its words that are no paths."""
    return " ".join(os.path.basename(word) for word in command[:4])


def last_lines(text, count=6):
    """The end of a program's complaint, on one line."""
    return " | ".join(text.strip().splitlines()[-count:]) or "no message"


def die_with_parent():
    """In a child before exec: the kernel kills it when this program dies."""
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def note(text):
    """Progress, on stderr: stdout has the tables alone."""
    print(text, file=sys.stderr, flush=True)
