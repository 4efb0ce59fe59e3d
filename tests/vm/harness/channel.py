# SPDX-License-Identifier: MIT
"""The host's half of the agent protocol (agent/agent.cpp has the other and the frame format):
many commands at once over one byte stream to the guest."""

import asyncio
import signal
import socket
import struct
from typing import Callable, NamedTuple

HEADER = struct.Struct("<III")  # payload size, channel, kind
RUN, INPUT, INPUT_END, SIGNAL = 1, 2, 3, 4
OUTPUT, ERROR, EXIT, INPUT_DONE = 16, 17, 18, 19
MAGIC = b"\x01open-hgcm-vm-1\n"
MAX_PAYLOAD = 1 << 20
CHUNK = 1 << 16
WINDOW = 1 << 18  # bytes of input that the guest has not reported done
EXIT_LOST = 255   # the guest went away before the command ended


class Finished(NamedTuple):
    code: int
    output: bytes
    errors: bytes


class Command:
    """A command in the guest. `on_output(kind, bytes)` gets OUTPUT and ERROR as they come."""

    def __init__(self, channel: "Channel", number: int, on_output: Callable[[int, bytes], None]):
        self._channel = channel
        self._number = number
        self.on_output = on_output
        self._in_flight = 0
        self._room = asyncio.Event()
        self._room.set()
        self.exit_code: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def write(self, data: bytes) -> None:
        for at in range(0, len(data), CHUNK):
            await self._room.wait()
            if self.exit_code.done():
                return
            part = data[at:at + CHUNK]
            self._in_flight += len(part)
            if self._in_flight >= WINDOW:
                self._room.clear()
            self._channel.send(INPUT, self._number, part)

    def end_input(self) -> None:
        self._channel.send(INPUT_END, self._number)

    def signal(self, number: int) -> None:
        self._channel.send(SIGNAL, self._number, struct.pack("<I", number))

    def handle(self, kind: int, payload: bytes) -> None:
        if kind in (OUTPUT, ERROR):
            self.on_output(kind, payload)
        elif kind == INPUT_DONE:
            self._in_flight -= struct.unpack("<I", payload)[0]
            if self._in_flight < WINDOW:
                self._room.set()
        elif kind == EXIT:
            self.finish(struct.unpack("<I", payload)[0])

    def finish(self, code: int) -> None:
        self._room.set()
        if not self.exit_code.done():
            self.exit_code.set_result(code)


class Channel:
    """Lives as long as one QEMU. After a reset of the guest call `lost`, then `wait_up` again."""

    def __init__(self) -> None:
        self._writer: asyncio.StreamWriter | None = None
        self._commands: dict[int, Command] = {}
        self._next = 1
        self._up = asyncio.Event()
        self._received = bytearray()
        self._reader_task: asyncio.Task | None = None

    async def attach(self, stream: socket.socket) -> None:
        reader, self._writer = await asyncio.open_connection(sock=stream)
        self._reader_task = asyncio.create_task(self._read(reader))

    async def wait_up(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._up.wait(), seconds)
            return True
        except asyncio.TimeoutError:
            return False

    @property
    def up(self) -> bool:
        return self._up.is_set()

    def lost(self) -> None:
        """The guest is gone or starts over: every command ends, what arrives next is a new guest."""
        self._up.clear()
        self._received.clear()
        commands, self._commands = self._commands, {}
        for command in commands.values():
            command.finish(EXIT_LOST)

    def close(self) -> None:
        self.lost()
        if self._reader_task:
            self._reader_task.cancel()
        if self._writer:
            self._writer.close()

    def send(self, kind: int, number: int, payload: bytes = b"") -> None:
        if self._up.is_set() and self._writer:
            self._writer.write(HEADER.pack(len(payload), number, kind) + payload)

    def start(self, arguments: list[str], user: int,
              on_output: Callable[[int, bytes], None]) -> Command:
        command = Command(self, self._next, on_output)
        self._next += 1
        if not self.up:
            command.finish(EXIT_LOST)
            return command
        self._commands[command._number] = command
        payload = struct.pack("<I", user) + b"".join(a.encode() + b"\0" for a in arguments)
        self.send(RUN, command._number, payload)
        return command

    async def run(self, *arguments: str, user: int = 0, seconds: float = 10) -> Finished:
        """Runs a command to its end, or kills it; a code of EXIT_LOST says that it did not end."""
        parts: dict[int, list[bytes]] = {OUTPUT: [], ERROR: []}
        command = self.start(list(arguments), user, lambda kind, data: parts[kind].append(data))
        command.end_input()
        try:
            code = await asyncio.wait_for(asyncio.shield(command.exit_code), seconds)
        except asyncio.TimeoutError:
            command.signal(signal.SIGKILL)
            code = EXIT_LOST
        return Finished(code, b"".join(parts[OUTPUT]), b"".join(parts[ERROR]))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while data := await reader.read(CHUNK):
                self._received += data
                if not self.up and not self._synchronise():
                    continue
                self._dispatch()
        except (ConnectionError, ValueError):
            pass
        self.lost()

    def _synchronise(self) -> bool:
        at = self._received.find(MAGIC)
        if at < 0:
            return False
        del self._received[:at + len(MAGIC)]
        self._up.set()
        if self._writer:
            self._writer.write(MAGIC)
        return True

    def _dispatch(self) -> None:
        while len(self._received) >= HEADER.size:
            size, number, kind = HEADER.unpack_from(self._received)
            if size > MAX_PAYLOAD:
                raise ValueError("the guest sent a frame beyond the limit")
            if len(self._received) < HEADER.size + size:
                return
            payload = bytes(self._received[HEADER.size:HEADER.size + size])
            del self._received[:HEADER.size + size]
            command = self._commands.get(number)
            if command:
                if kind == EXIT:
                    del self._commands[number]
                command.handle(kind, payload)
