"""As much of a 32-bit ELF image as is asked about here: sections, symbols, calls."""

import bisect
import re
import struct
from collections import Counter

CALLS = {10, 30, 51}  # R_ARM_THM_CALL, R_ARM_THM_JUMP24, R_ARM_THM_JUMP19
SYMBOL_TABLE, RELOCATIONS, FUNCTION = 2, 9, 2

PANICS = re.compile(
    r"panicking|slice_index_fail|slice_error_fail|unwrap_failed|expect_failed|len_mismatch_fail"
)
# What the panic machinery calls of itself does not count, nor does the compiler's own arithmetic.
NOT_COUNTED = re.compile(PANICS.pattern + r"|rust_begin_unwind|compiler_builtins")
ALLOCATOR = re.compile(r"__rust_(alloc|realloc|dealloc|no_alloc_shim)|__rdl_|__rg_")


class Image:
    def __init__(self, path):
        self.data = path.read_bytes()
        headers, size, count, names = self.unpack("<I10xHHH", 32, skip=(46, 48, 50))
        self.sections = [self.unpack_from("<10I", headers + size * index) for index in range(count)]
        strings = self.sections[names]
        self.names = [self.text(strings, section[0]) for section in self.sections]
        self.symbols = self.read_symbols()
        self.functions = sorted(
            (value & ~1, size, name) for name, value, size, kind in self.symbols if kind == FUNCTION and size
        )
        self.starts = [start for start, _, _ in self.functions]

    def unpack(self, _, at, skip):
        """Where the section headers are; how long one is, how many, and which has the names."""
        (headers,) = struct.unpack_from("<I", self.data, at)
        return (headers, *(struct.unpack_from("<H", self.data, place)[0] for place in skip))

    def unpack_from(self, form, at):
        return struct.unpack_from(form, self.data, at)

    def text(self, table, at):
        start = table[4] + at
        return self.data[start : self.data.index(b"\0", start)].decode()

    def read_symbols(self):
        index = next(i for i, section in enumerate(self.sections) if section[1] == SYMBOL_TABLE)
        section = self.sections[index]
        names = self.sections[section[6]]
        symbols = []
        for at in range(section[4], section[4] + section[5], 16):
            name, value, size, info = self.unpack_from("<IIIB", at)
            symbols.append((self.text(names, name), value, size, info & 15))
        return symbols

    def size_of(self, name):
        return sum(section[5] for section, own in zip(self.sections, self.names) if own == name)

    def size_of_symbols(self, pattern):
        return sum(size for _, size, name in self.functions if re.search(pattern, name))

    def function_at(self, address):
        index = bisect.bisect_right(self.starts, address) - 1
        if index < 0 or address >= self.functions[index][0] + self.functions[index][1]:
            return None
        return self.functions[index][2]

    def calls(self):
        """Each call, by the function that it is in and the one that it is of."""
        for section in self.sections:
            if section[1] != RELOCATIONS:
                continue
            for at in range(section[4], section[4] + section[5], 8):
                place, info = self.unpack_from("<II", at)
                if info & 0xFF in CALLS:
                    yield self.function_at(place), self.symbols[info >> 8][0]

    def panics(self):
        """The calls that can panic, counted by the function that they are in."""
        return Counter(
            caller
            for caller, callee in self.calls()
            if PANICS.search(callee) and caller and not NOT_COUNTED.search(caller)
        )

    def allocators(self):
        return [name for name, _, _, _ in self.symbols if ALLOCATOR.search(name)]
