"""Tables for people, JSON for programs, and what all scripts take as options."""

import argparse
import json
import os
import platform
import signal
import sys


def options(description):
    """The options that all scripts have."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--only", metavar="NAMES", help="comma-separated servers, e.g. kinglet,hyper")
    parser.add_argument("--json", metavar="FILE", help="write every figure to this file as well")
    return parser


def end_on_signals():
    """SIGTERM and SIGHUP end the script as Ctrl-C does: the servers go first."""

    def end(number, _frame):
        sys.exit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)


def table(title, columns, rows):
    """Prints right-aligned columns under a title; the first is left-aligned."""
    cells = [[str(cell) for cell in row] for row in [columns, *rows]]
    widths = [max(map(len, column)) for column in zip(*cells)]
    print(f"\n{title}\n")
    for number, row in enumerate(cells):
        first = row[0].ljust(widths[0])
        print("  ".join([first, *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))]))
        if number == 0:
            print("  ".join("-" * width for width in widths))
    sys.stdout.flush()


def number(value, digits=0):
    """A figure with thousands separated, or a dash if there is none."""
    return "-" if value is None else f"{value:,.{digits}f}"


def write_json(path, settings, servers, failures):
    """Everything that was measured, and under which circumstances."""
    if path is None:
        return
    document = {
        "settings": settings,
        "machine": {
            "cores": os.cpu_count(),
            "kernel": platform.release(),
            "architecture": platform.machine(),
            "load_average": os.getloadavg(),
        },
        "servers": servers,
        "failures": failures,
    }
    with open(path, "w") as file:
        json.dump(document, file, indent=2)
        file.write("\n")


def finish(failures):
    """Says what failed, and gives the script's exit status."""
    for name, reason in failures.items():
        print(f"\nNOT MEASURED: {name}: {reason}")
    return 1 if failures else 0
