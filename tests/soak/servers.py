"""The servers of a long run, and what the system says of them."""

import asyncio
import os
import select
import signal
import subprocess

from load import FILE, Client, Tally


class Server:
    """A running `http_server`, and the port that it has."""

    def __init__(self, program, folder, *arguments):
        root = os.path.join(folder, "files")
        os.makedirs(root, exist_ok=True)
        path = os.path.join(root, "file.bin")
        # The one before may be sending it.
        if not os.path.exists(path):
            with open(path, "wb") as file:
                file.write(FILE)
        command = [program, "--files-root", root, *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)
        ready, _, _ = select.select([self.process.stdout], [], [], 30)
        line = self.process.stdout.readline().decode() if ready else ""
        if not line.startswith("serving "):
            raise SystemExit(f"the server is not ready; it said {line!r}")
        self.port = int(line.split()[1].rstrip("/").rsplit(":", 1)[1])

    def warm_up(self, tls):
        """Has each of its threads open what it keeps open: the file that is asked for."""

        async def ask():
            for _ in range(64):
                client = Client((self.port, tls))
                await client.ask(Tally(), "GET", "/file.bin", (200, FILE))
                client.close()

        asyncio.run(ask())

    def resident(self):
        """KiB of memory that are its own, and not a file's."""
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(next(line for line in status if line.startswith("RssAnon")).split()[1])

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def cpu(self):
        """Seconds of CPU that it has had."""
        with open(f"/proc/{self.process.pid}/stat") as stat:
            user, system = stat.read().rsplit(") ", 1)[1].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def end(self):
        """Drains it; answers its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def slope(points):
    """Of the line through `points` with the least squares."""
    count = len(points)
    mean_x, mean_y = sum(x for x, _ in points) / count, sum(y for _, y in points) / count
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0
