"""What the load runs share: rounds over all servers, and their medians."""

import os
import statistics

import report
from process import allow_open_files
from tools import Failed, kept, note

# Files that a server and a client need beside their idle connections.
OTHER_FILES = 5_000


def add_options(parser, connections):
    parser.add_argument("--rounds", type=int, default=3, help="rounds, interleaved (default 3)")
    parser.add_argument("--seconds", type=int, default=5, help="length of one measurement (default 5)")
    parser.add_argument(
        "--connections", type=int, default=connections, help=f"under load (default {connections})"
    )
    parser.add_argument("--idle", type=int, default=10_000, help="idle connections, 0 for none (default 10000)")
    parser.add_argument("--server-core", type=int, default=0)
    parser.add_argument("--client-core", type=int, default=1)


def check_cores(arguments):
    cores = os.sched_getaffinity(0)
    for core in (arguments.server_core, arguments.client_core):
        if core not in cores:
            raise Failed(f"core {core} is not among {sorted(cores)}")
    if arguments.server_core == arguments.client_core:
        raise Failed("the server and the load generator need a core each")


def measure(chosen, loads, arguments, steps, measure_idle):
    """The figures of all servers that have them all, and what failed.

    A round is every step for every server, and a step for all servers before the
    next, so that a change in the machine's mood meets all of them. Each step
    appends to the lists of `figures["load"]`; `measure_idle` returns what idle
    connections cost.
    """
    allow_open_files(arguments.idle + OTHER_FILES)
    figures, failures = {}, {}
    for server in chosen:
        with kept(server.name, failures):
            server.build()
            figures[server.name] = {"load": {load: [] for load in loads}}

    for round_number in range(1, arguments.rounds + 1):
        for step in steps:
            for server in still_in(chosen, failures):
                note(f"round {round_number} of {arguments.rounds}: {server.name}")
                with kept(server.name, failures):
                    step(server, arguments, figures[server.name])
    if arguments.idle > 0:
        for server in still_in(chosen, failures):
            note(f"{arguments.idle} idle connections: {server.name}")
            with kept(server.name, failures):
                figures[server.name]["idle"] = measure_idle(server, arguments)

    measured = {server.name: figures[server.name] for server in still_in(chosen, failures)}
    for entry in measured.values():
        entry["median"] = {load: medians(entry["load"][load]) for load in loads}
    return measured, failures


def still_in(chosen, failures):
    return [server for server in chosen if server.name not in failures]


def account(started, count, seconds, used):
    """The figures of one measurement that are the server's, not the client's."""
    return {
        "cpu_seconds_per_million": used / count * 1e6,
        "server_busy": used / seconds,
        "resident_bytes": started.resident_bytes(),
    }


def medians(rounds):
    """The median of every figure over the rounds, and how far they spread."""
    result = {name: statistics.median(entry[name] for entry in rounds) for name in rounds[0]}
    for name in list(result):
        if name.endswith("_per_second") or name == "cpu_seconds_per_million":
            values = [entry[name] for entry in rounds]
            result[name + "_spread"] = (max(values) - min(values)) / result[name]
    return result


def columns(unit):
    """The heads above the cells of `cells`."""
    return [f"{unit}/s", "spread", "p50 us", "p99 us", "CPU s/M", "spread", "busy", "RSS KiB"]


def cells(median, unit):
    """One load of one server; `unit` is what a second is counted in."""
    number = report.number
    return [
        number(median[f"{unit}_per_second"]),
        f"{median[f'{unit}_per_second_spread']:.0%}",
        number(median["p50_us"]),
        number(median["p99_us"]),
        number(median["cpu_seconds_per_million"], 2),
        f"{median['cpu_seconds_per_million_spread']:.0%}",
        f"{median['server_busy']:.0%}",
        number(median["resident_bytes"] / 1024),
    ]


def idle_entry(count, before, after):
    return {
        "connections": count,
        "resident_before": before,
        "resident_after": after,
        "bytes_per_connection": (after - before) / count,
    }


def print_idle(measured, arguments, what):
    number = report.number
    if arguments.idle > 0:
        report.table(
            f"{arguments.idle:,} idle connections, each after one {what}",
            ["server", "RSS before KiB", "RSS with them KiB", "bytes each"],
            [
                [
                    name,
                    number(entry["idle"]["resident_before"] / 1024),
                    number(entry["idle"]["resident_after"] / 1024),
                    number(entry["idle"]["bytes_per_connection"]),
                ]
                for name, entry in measured.items()
            ],
        )
