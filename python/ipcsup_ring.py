"""
The ends of a link of kind `ring`, for Python 3.8 or later with its standard library alone: messages through shared memory.

    from ipcsup_ring import Ring

    with Ring.open('words') as ring:              # at the side `write`
        ring.send('hello')

    with Ring.open('words') as ring:              # at the side `read`
        for message in ring:                      # until no writer is left
            print(message.text)                   # acknowledged after the body; not after a break or an exception

The layout of the memory and its rules are a page of ipcsup's documentation, ring-layout.md. Linux, 64 bits, little-endian.

How the order of loads and stores is kept, which Python has no words for:

- A word is read and written as an item of a memoryview of format 'I'. CPython copies 4 aligned bytes for that, which compilers
  make one load or store: nobody sees half a word.
- Between two such items the interpreter runs thousands of instructions and calls, over which no compiler moves them. An x86
  processor lets no store pass another store, and no load another load. Elsewhere `_Fence` stands between them.
- That a store is seen before a later load is done (else two programs that each say "I sleep" and then look would both see
  nothing) no x86 processor does by itself either. `_Fence` is the system call futex(FUTEX_WAKE_OP) on a word of our own: the kernel
  changes it with a locked instruction on x86 and one followed by `dmb ish` on ARM; both are full barriers.
- The lock of `share` mode takes a compare-and-exchange. Python has none, and no system call is one; libatomic, which comes
  with GCC, has it as a function. Where it is missing, readers of a `share` ring are refused.
"""
import ctypes
import errno
import fcntl
import json
import mmap
import os
import platform
import re
import select
import socket
import struct
import sys
import time

__all__ = ['Message', 'Reader', 'Ring', 'RingError', 'Writer']

# ---- Where everything is: the numbers of ring-layout.md --------------------------------------------------------------

VERSION_MAJOR = 1
VERSION_MINOR = 0
MOST_SLOTS = 32

MAGIC_LOW = 0x53435049
MAGIC_HIGH = 0x31525055

HEADER_MAGIC = 0x000
HEADER_VERSION = 0x008
HEADER_DATA_START = 0x00C
HEADER_CAPACITY = 0x010
HEADER_WRITERS = 0x014
HEADER_READERS = 0x018
HEADER_FLAGS = 0x01C
HEADER_BYTE_ORDER = 0x020
HEADER_ENDED = 0x040
HEADER_UNREAD = 0x044
HEADER_POISON = 0x080
HEADER_WRITER_SLOTS = 0x400
HEADER_READER_SLOTS = 0x600

SLOT_BYTES = 16
SLOT_EPOCH = 0
SLOT_ALIVE = 4
SLOT_FINISHED = 8
SLOT_NAME = 12

CONTROL_START = 0x1000

LANE_BYTES = 512
LANE_TAIL = 0
LANE_MARKS = 8
LANE_DROPPED = 32
LANE_STALLS = 40
LANE_OLDEST = 64
LANE_WAITING = 128
LANE_LOCK = 256
LANE_HEAD = 260
LANE_NEXT = 264

MARK_BYTES = 12
MARK_POSITION = 0
MARK_SEQUENCE_LOW = 4
MARK_SEQUENCE_HIGH = 8

READER_BYTES = 128
READER_WAITING = 0

CURSOR_BYTES = 128
CURSOR_HEAD = 0
CURSOR_MARKS = 8
CURSOR_MISSED = 32
CURSOR_CLAIMED = 64
CURSOR_POSITION = 68
CURSOR_END = 72

RECORD_BYTES = 16
RECORD_LENGTH = 0
RECORD_TAG = 4
RECORD_SEQUENCE_LOW = 8
RECORD_SEQUENCE_HIGH = 12
RECORD_ALIGNMENT = 16

TAG_BYTES = 1
TAG_TEXT = 2
TAG_JSON = 3
TAG_MSGPACK = 4
TAG_PADDING = 255

POISON_POSITION = 1
POISON_RECORD = 2
POISON_SEQUENCE = 3
POISON_CLAIM = 4

MODE_ONE = 0
MODE_EACH = 1
MODE_SHARE = 2

BAG_BYTES = 48
BAG_VERSION = 1

_FULL_BLOCK = 0
_CODECS = ('bytes', 'json', 'msgpack')
_MASK = 0xFFFFFFFF
_F_OFD_SETLK = 37


class RingError(Exception):
    """
    `code` is one of NO_LINK, NOT_A_RING, VERSION, MISMATCH, TAKEN, CORRUPT, TOO_LARGE, NO_READER, MISUSE, UNSUPPORTED.
    """

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


_texts = {
    'NO_LINK': 'This process has no such link: there is no IPCSUP_FD_<LINK> in its environment. Start it with ipcsup.',
    'NOT_A_RING': 'The descriptor is not an end of a ring, or its memory is not one.',
    'VERSION': 'The ring has a layout of another version than this program knows. '
    'Use the ipcsup_ring.py of the ipcsup that runs it.',
    'MISMATCH': 'The memory says another size than ipcsup: somebody wrote over its beginning.',
    'TAKEN': 'Another program of this process uses this end of the ring, and only one at a time can.',
    'CORRUPT': 'The memory of the ring is corrupt: somebody wrote where only ring programs may. It is given up by all; '
    'stop the link and start it anew.',
    'TOO_LARGE': "The message is larger than half of the ring's capacity less 16 bytes.",
    'NO_READER': 'Every reader of the ring is finished: nobody would ever take the message.',
    'MISUSE': "The call does not fit what came before: the ring is closed, or a reservation is open, or none is, or the "
    "message is not one of this ring's.",
    'UNSUPPORTED': "Readers of a ring with readers: 'share' need libatomic, which is not here. Install it (Debian: libatomic1, "
    'Fedora: libatomic), or write this reader in another language.',
}


def _error(code):
    return RingError(code, _texts[code])


# ---- What Python has no words for ------------------------------------------------------------------------------------

_is_x86 = platform.machine() in ('x86_64', 'AMD64')
_SYS_FUTEX = 202 if _is_x86 else 98
_FUTEX_WAKE_OP_PRIVATE = 5 | 128
_ADD_NOTHING = 1 << 28


class _Fence:
    """A full barrier: call it."""

    def __init__(self):
        self._words = (ctypes.c_uint32 * 2)()
        address = ctypes.addressof(self._words)
        self._call = ctypes.CDLL(None).syscall
        self._arguments = (
            ctypes.c_long(_SYS_FUTEX),
            ctypes.c_void_p(address),
            ctypes.c_long(_FUTEX_WAKE_OP_PRIVATE),
            ctypes.c_long(0),
            ctypes.c_long(0),
            ctypes.c_void_p(address + 4),
            ctypes.c_long(_ADD_NOTHING),
        )
        if self() < 0:
            raise OSError('the system call futex is not allowed here, and a ring needs it')

    def __call__(self):
        return self._call(*self._arguments)


def _load_exchange():
    """The function (address, expected, desired) -> bool that stores `desired` where `expected` is, in one step."""
    try:
        function = ctypes.CDLL('libatomic.so.1').__getattr__('__atomic_compare_exchange_4')
    except (OSError, AttributeError):
        raise _error('UNSUPPORTED') from None
    function.restype = ctypes.c_bool
    function.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_int)
    wanted = ctypes.c_uint32()
    sequential = 5

    def exchange(address, expected, desired):
        wanted.value = expected
        return function(address, ctypes.addressof(wanted), desired, sequential, sequential)

    return exchange


class _Memory:
    """The mapped memory, as words and as bytes."""

    def __init__(self, buffer):
        self.bytes = memoryview(buffer).cast('B')
        self.words = self.bytes.cast('I')
        self._buffer = buffer
        self.fence = _Fence()

    def get(self, offset):
        return self.words[offset >> 2]

    def set(self, offset, value):
        """Seen no later than any later store."""
        if not _is_x86:
            self.fence()
        self.words[offset >> 2] = value & _MASK

    def load(self, offset):
        """Before every later load."""
        value = self.words[offset >> 2]
        if not _is_x86:
            self.fence()
        return value

    def publish(self, offset, value):
        """After all stores before, and seen before any later load."""
        if not _is_x86:
            self.fence()
        self.words[offset >> 2] = value & _MASK
        self.fence()

    def get_long(self, offset):
        return self.words[offset >> 2] | self.words[(offset >> 2) + 1] << 32

    def set_long(self, offset, value):
        self.set(offset, value)
        self.set(offset + 4, value >> 32)

    def address(self):
        """Of its first byte. The mapping cannot be closed as long as what is returned second is there."""
        anchor = ctypes.c_char.from_buffer(self._buffer)
        return ctypes.addressof(anchor), anchor

    def close(self):
        self.words.release()
        self.bytes.release()
        try:
            if hasattr(self._buffer, 'close'):
                self._buffer.close()
        except BufferError:
            # A message's view is still there: the mapping goes with the last.
            pass


# ---- Layout ----------------------------------------------------------------------------------------------------------


class Geometry:
    """What a ring looks like."""

    def __init__(self, capacity, writers, readers, mode, is_lossy):
        self.capacity = capacity
        self.writers = writers
        self.readers = readers
        self.mode = mode
        self.is_lossy = is_lossy

    def is_possible(self):
        return (
            4096 <= self.capacity <= 1 << 30
            and self.capacity & (self.capacity - 1) == 0
            and 1 <= self.writers <= MOST_SLOTS
            and 1 <= self.readers <= MOST_SLOTS
            and self.mode <= MODE_SHARE
            and not (self.mode == MODE_SHARE and self.is_lossy)
        )

    @property
    def largest(self):
        """Bytes of the largest message."""
        return self.capacity // 2 - RECORD_BYTES

    def lane(self, writer):
        return CONTROL_START + writer * LANE_BYTES

    def reader(self, reader):
        return self.lane(self.writers) + reader * READER_BYTES

    def cursor(self, writer, reader):
        return self.reader(self.readers) + (writer * self.readers + reader) * CURSOR_BYTES

    def slot(self, side, index):
        return (HEADER_READER_SLOTS if side else HEADER_WRITER_SLOTS) + index * SLOT_BYTES

    @property
    def data_start(self):
        return (self.cursor(self.writers, 0) + 4095) // 4096 * 4096

    def data(self, writer):
        return self.data_start + writer * self.capacity

    @property
    def bytes(self):
        return self.data_start + self.writers * self.capacity

    def flags(self):
        return self.mode | (4 if self.is_lossy else 0)


def _size(length):
    return (RECORD_BYTES + length + RECORD_ALIGNMENT - 1) & -RECORD_ALIGNMENT


# ---- Opening ---------------------------------------------------------------------------------------------------------


class _Attachment:
    """What an end has: memory, bells, and the lock of its slot."""

    def __init__(self, geometry, side, slot, full, codec, buffer, descriptor=-1, bell=-1, others=()):
        self.geometry = geometry
        self.side = side
        self.slot = slot
        self.full = full
        self.codec = codec
        self.memory = _Memory(buffer)
        self.descriptor = descriptor
        self.bell = bell
        self.others = others

    def check_header(self):
        get, geometry = self.memory.get, self.geometry
        if get(HEADER_MAGIC) != MAGIC_LOW or get(HEADER_MAGIC + 4) != MAGIC_HIGH:
            raise _error('NOT_A_RING')
        if get(HEADER_VERSION) & 0xFFFF != VERSION_MAJOR:
            raise _error('VERSION')
        found = tuple(
            get(offset)
            for offset in (
                HEADER_BYTE_ORDER,
                HEADER_DATA_START,
                HEADER_CAPACITY,
                HEADER_WRITERS,
                HEADER_READERS,
                HEADER_FLAGS,
            )
        )
        wanted = (0x01020304, geometry.data_start, geometry.capacity, geometry.writers, geometry.readers, geometry.flags())
        if found != wanted:
            raise _error('MISMATCH')

    def close(self):
        self.memory.close()
        for descriptor in (self.descriptor, self.bell, *self.others):
            if descriptor >= 0:
                os.close(descriptor)
        self.descriptor = self.bell = -1
        self.others = ()


def _peek_bag(descriptor):
    """What lies in the socket for whoever opens the end; it stays there."""
    try:
        end = socket.socket(fileno=os.dup(descriptor))
    except OSError as problem:
        if problem.errno in (errno.ENOTSOCK, errno.EBADF):
            raise _error('NOT_A_RING') from None
        raise
    with end:
        room = socket.CMSG_SPACE(4 * (2 + MOST_SLOTS))
        try:
            bag, ancillary, flags, _ = end.recvmsg(
                BAG_BYTES + 1, room, socket.MSG_PEEK | socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC
            )
        except BlockingIOError:
            raise _error('NOT_A_RING') from None
    received = []
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            received += struct.unpack(f'={len(data) // 4}i', data[: len(data) // 4 * 4])
    if len(bag) != BAG_BYTES or bag[:8] != b'IPCSUPB1' or flags & socket.MSG_CTRUNC:
        for one in received:
            os.close(one)
        raise _error('NOT_A_RING')
    return struct.unpack('<10I', bag[8:]), received


def _lock_slot(descriptor, offset):
    """A killed program has it as long as somebody looks at its memory, as ps does: longer than it can be waited for."""
    lock = struct.pack('@hhqqi4x', fcntl.F_WRLCK, os.SEEK_SET, offset, 1, 0)
    until = time.monotonic() + 0.5
    while True:
        try:
            fcntl.fcntl(descriptor, _F_OFD_SETLK, lock)
            return
        except OSError as problem:
            if problem.errno not in (errno.EAGAIN, errno.EACCES):
                raise
        if time.monotonic() > until:
            raise _error('TAKEN')
        time.sleep(0.001)


def _attach(descriptor):
    words, received = _peek_bag(descriptor)
    own = -1
    try:
        version, side, slot, capacity, writers, readers, flags, full, codec, _ = words
        if version != BAG_VERSION:
            raise _error('VERSION')
        geometry = Geometry(capacity, writers, readers, flags & 3, flags >> 2 & 1 == 1)
        is_possible = flags <= 7 and side <= 1 and full <= 2 and codec <= 2 and geometry.is_possible()
        if not is_possible or slot >= (readers if side else writers):
            raise _error('NOT_A_RING')
        if len(received) != 2 + (writers if side else readers):
            raise _error('NOT_A_RING')
        # A lock belongs to an open description, so this end has one of its own.
        own = os.open(f'/proc/self/fd/{received[0]}', os.O_RDWR | os.O_CLOEXEC)
        if os.fstat(own).st_size < geometry.bytes:
            raise _error('MISMATCH')
        _lock_slot(own, geometry.slot(side, slot))
        buffer = mmap.mmap(own, geometry.bytes)
    except BaseException:
        for one in received + ([own] if own >= 0 else []):
            os.close(one)
        raise
    os.close(received[0])
    return _Attachment(geometry, side, slot, full, _CODECS[codec], buffer, own, received[1], tuple(received[2:]))


class Ring:
    """One end of a ring: `Ring.open` gives a Writer or a Reader. For one thread at a time, and not to be used after a fork."""

    @staticmethod
    def open(link):
        """This process's end of `link`."""
        variable = 'IPCSUP_FD_' + re.sub('[^A-Z0-9]', '_', link.upper())
        value = os.environ.get(variable)
        if value is None or not value.isdigit():
            raise _error('NO_LINK')
        return Ring.from_descriptor(int(value))

    @staticmethod
    def from_descriptor(descriptor):
        """The end of which that is the descriptor; it stays open."""
        return Ring._start(_attach(descriptor))

    @staticmethod
    def _start(attachment):
        try:
            attachment.check_header()
            ring = (Reader if attachment.side else Writer)(attachment)
            # One that was here before may have been killed between what it stored and the bell.
            ring._ring_all()
            return ring
        except BaseException:
            attachment.close()
            raise

    def __init__(self, attachment):
        self._attachment = attachment
        self._memory = attachment.memory
        self._geometry = attachment.geometry
        self._slot = attachment.slot
        self._is_closed = False
        self._is_corrupt = False
        self._spin_seconds = 20e-6
        geometry = attachment.geometry
        self._waiting = (
            geometry.reader(attachment.slot) + READER_WAITING
            if attachment.side
            else geometry.lane(attachment.slot) + LANE_WAITING
        )
        self._check()

    @property
    def largest(self):
        """Bytes of the largest message."""
        return self._geometry.largest

    @property
    def codec(self):
        """As the link says: 'bytes', 'json' or 'msgpack'."""
        return self._attachment.codec

    @property
    def slot(self):
        """Which of the writers, or of the readers, from 0."""
        return self._slot

    @property
    def is_shared(self):
        """Each message goes to one of the readers."""
        return self._geometry.mode == MODE_SHARE

    def fileno(self):
        """For a loop of the program's own: to be polled for reading, once `prepare_sleep()` is true. Then `end_sleep()`."""
        return self._attachment.bell

    def end_sleep(self):
        self._memory.publish(self._waiting, 0)
        try:
            # All that it was rung, 8 bytes each time: more would wake once more, for nothing.
            os.read(self._attachment.bell, 4096)
        except BlockingIOError:
            pass

    def close(self):
        """Publishes what was committed, tells what was acknowledged, and gives everything back."""
        if self._is_closed:
            return
        try:
            if not self._is_corrupt:
                self.flush()
        finally:
            self._is_closed = True
            self._attachment.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _check(self):
        if self._is_closed:
            raise _error('MISUSE')
        if self._is_corrupt or self._memory.get(HEADER_POISON) != 0:
            self._is_corrupt = True
            raise _error('CORRUPT')

    def _poison(self, why):
        self._is_corrupt = True
        if self._memory.get(HEADER_POISON) == 0:
            self._memory.publish(HEADER_POISON, why)
        self._ring_all()
        return _error('CORRUPT')

    def _ring(self, index):
        if index >= len(self._attachment.others):
            return
        try:
            os.write(self._attachment.others[index], b'\1\0\0\0\0\0\0\0')
        except BlockingIOError:
            # A bell that cannot take more has rung already.
            pass

    def _ring_all(self):
        for index in range(len(self._attachment.others)):
            self._ring(index)

    def _wake(self, index, waiting):
        if self._memory.load(waiting) != 2:
            return
        self._memory.publish(waiting, 0)
        self._ring(index)

    def _is_position(self, position, tail):
        return position % RECORD_ALIGNMENT == 0 and (tail - position) & _MASK <= self._geometry.capacity

    def _recover(self, marks, position):
        """(sequence of the record at `position`, index of the mark to be written next)."""
        for index in (0, 1):
            at = marks + index * MARK_BYTES
            if self._memory.get(at + MARK_POSITION) == position:
                sequence = self._memory.get_long(at + MARK_SEQUENCE_LOW)
                if sequence > 0:
                    return sequence, 1 - index
        raise self._poison(POISON_POSITION)

    def _mark(self, marks, index, position, sequence):
        """Its position first: a mark that is half written is of a position that is not yet true."""
        at = marks + index * MARK_BYTES
        self._memory.set(at + MARK_POSITION, position)
        self._memory.set_long(at + MARK_SEQUENCE_LOW, sequence)

    def _sleep(self, until):
        poll = select.poll()
        poll.register(self._attachment.bell, select.POLLIN)
        poll.poll(None if until is None else max(0, until - time.monotonic()) * 1000)


def _deadline(timeout):
    return None if timeout is None else time.monotonic() + timeout


# ---- Writing ---------------------------------------------------------------------------------------------------------


class Writer(Ring):
    def __init__(self, attachment):
        super().__init__(attachment)
        geometry, memory = self._geometry, self._memory
        self._lane = geometry.lane(self._slot)
        self._data = geometry.data(self._slot)
        self._tail = self._position = memory.load(self._lane + LANE_TAIL)
        if self._tail % RECORD_ALIGNMENT != 0:
            raise self._poison(POISON_POSITION)
        self._sequence, self._next_mark = self._recover(self._lane + LANE_MARKS, self._tail)
        self._oldest = memory.load(self._lane + LANE_OLDEST)
        if geometry.is_lossy and not self._is_position(self._oldest, self._tail):
            raise self._poison(POISON_POSITION)
        # No room is known of yet.
        self._limit = self._tail
        self._unpublished = 0
        self._reserved = None
        memory.publish(self._waiting, 0)

    @property
    def sequence(self):
        """Of the next message: a writer that was restarted continues where it was."""
        return self._sequence

    @property
    def dropped(self):
        """Messages of this writer that were dropped, in all its incarnations."""
        return self._memory.get_long(self._lane + LANE_DROPPED)

    def send(self, value, timeout=None):
        """
        Sends and publishes. While there is no room it does what the link says: waits at most `timeout` seconds, then raises
        TimeoutError; or False: the message was dropped.

        :param value: as the codec of the link has it: 'bytes': a str, or bytes; 'json': what json.dumps takes; 'msgpack': bytes
            that are MessagePack already, or, with the package msgpack, anything that it takes.
        """
        is_sent = self._put(value, timeout)
        self.flush()
        return is_sent

    def send_many(self, values):
        """Sends each, and publishes them together. Returns how many were not dropped."""
        count = sum(self._put(value, None) for value in values)
        self.flush()
        return count

    def reserve(self, length, timeout=None):
        """A view to write a message of `length` bytes to; then `commit()`. None: it was dropped."""
        view = self._try_reserve(length)
        if view is not None:
            return view
        self.flush()
        if self._attachment.full != _FULL_BLOCK:
            self._memory.set_long(self._lane + LANE_DROPPED, self.dropped + 1)
            return None
        return self._wait_for_room(length, _deadline(timeout))

    def commit(self, length=None, tag=TAG_BYTES):
        """Sends what was reserved, or its first bytes. It is published with others, by `flush()` at the latest."""
        self._check()
        if self._reserved is None:
            raise _error('MISUSE')
        start, reserved = self._reserved
        length = reserved if length is None else length
        if not 0 <= length <= reserved:
            raise _error('MISUSE')
        self._reserved = None
        self._set_record(start, length, tag)
        self._position = (start + _size(length)) & _MASK
        self._sequence += 1
        self._unpublished += 1
        if self._unpublished >= 16 or self._is_reader_waiting():
            self.flush()

    def flush(self):
        """Publishes what was committed so far."""
        self._check()
        if self._position == self._tail:
            return
        self._mark(self._lane + LANE_MARKS, self._next_mark, self._position, self._sequence)
        self._next_mark = 1 - self._next_mark
        self._tail = self._position
        self._unpublished = 0
        self._memory.publish(self._lane + LANE_TAIL, self._tail)
        for index in range(self._geometry.readers):
            self._wake(index, self._geometry.reader(index) + READER_WAITING)

    def prepare_sleep(self):
        """Before polling `fileno()` for room, after `send` with a timeout of 0 raised TimeoutError; True."""
        self.flush()
        self._memory.publish(self._waiting, 2)
        return True

    def _put(self, value, timeout):
        payload, tag = self._encode(value)
        view = self.reserve(len(payload), timeout)
        if view is None:
            return False
        view[:] = payload
        self.commit(tag=tag)
        return True

    def _encode(self, value):
        codec = self._attachment.codec
        if codec == 'json':
            return json.dumps(value, ensure_ascii=False, separators=(',', ':'), allow_nan=False).encode(), TAG_JSON
        if isinstance(value, str) and codec == 'bytes':
            return value.encode(), TAG_TEXT
        if isinstance(value, (bytes, bytearray, memoryview)):
            view = memoryview(value)
            return (view if view.contiguous else memoryview(view.tobytes())).cast('B'), TAG_BYTES if codec == 'bytes' else TAG_MSGPACK
        if codec == 'msgpack':
            return _load_msgpack().packb(value), TAG_MSGPACK
        raise TypeError(f'a ring of bytes takes str or bytes, not {type(value).__name__}')

    def _is_reader_waiting(self):
        get, reader = self._memory.get, self._geometry.reader
        return any(get(reader(index) + READER_WAITING) != 0 for index in range(self._geometry.readers))

    def _try_reserve(self, length):
        self._check()
        if self._reserved is not None:
            raise _error('MISUSE')
        if length > self.largest or length < 0:
            raise _error('TOO_LARGE')
        if self._memory.get(HEADER_UNREAD) == 1:
            raise _error('NO_READER')
        capacity = self._geometry.capacity
        size = _size(length)
        offset = self._position & (capacity - 1)
        left = capacity - offset
        padding = left if size > left else 0
        if not self._has_room((self._position + padding + size) & _MASK):
            return None
        if padding:
            self._set_record(self._position, padding - RECORD_BYTES, TAG_PADDING)
            offset = 0
        self._reserved = ((self._position + padding) & _MASK, length)
        at = self._data + offset + RECORD_BYTES
        return self._memory.bytes[at : at + length]

    def _has_room(self, end):
        if self._geometry.is_lossy:
            self._give_up(end)
            return True
        if (self._limit - end) & _MASK < 1 << 31:
            return True
        self._look_for_room()
        return (self._limit - end) & _MASK < 1 << 31

    def _look_for_room(self):
        farthest = 0
        for at in self._list_heads():
            head = self._memory.load(at)
            if not self._is_position(head, self._tail):
                raise self._poison(POISON_POSITION)
            farthest = max(farthest, (self._tail - head) & _MASK)
        self._limit = (self._tail - farthest + self._geometry.capacity) & _MASK

    def _list_heads(self):
        geometry = self._geometry
        if geometry.mode == MODE_SHARE:
            return [self._lane + LANE_HEAD]
        return [
            geometry.cursor(self._slot, index) + CURSOR_HEAD
            for index in range(geometry.readers)
            if self._memory.load(geometry.slot(1, index) + SLOT_FINISHED) != 1
        ]

    def _give_up(self, end):
        """The oldest records, until there is room up to `end`."""
        capacity = self._geometry.capacity
        if (end - self._oldest) & _MASK <= capacity:
            return
        while (end - self._oldest) & _MASK > capacity:
            # What is given up is first published, so that there is always a record at `oldest`, or nothing.
            if self._oldest == self._tail:
                self.flush()
            offset = self._oldest & (capacity - 1)
            length = self._memory.get(self._data + offset + RECORD_LENGTH)
            size = _size(length)
            if length > self.largest or size > (self._tail - self._oldest) & _MASK or size > capacity - offset:
                raise self._poison(POISON_RECORD)
            self._oldest = (self._oldest + size) & _MASK
        # The stores that overwrite them come after.
        self._memory.publish(self._lane + LANE_OLDEST, self._oldest)

    def _set_record(self, position, length, tag):
        words = self._memory.words
        at = (self._data + (position & (self._geometry.capacity - 1))) >> 2
        words[at + (RECORD_LENGTH >> 2)] = length
        words[at + (RECORD_TAG >> 2)] = tag
        words[at + (RECORD_SEQUENCE_LOW >> 2)] = self._sequence & _MASK
        words[at + (RECORD_SEQUENCE_HIGH >> 2)] = self._sequence >> 32

    def _wait_for_room(self, length, until):
        self._memory.set(self._lane + LANE_STALLS, self._memory.get(self._lane + LANE_STALLS) + 1)
        while until is None or time.monotonic() < until:
            self._memory.publish(self._waiting, 2)
            try:
                view = self._try_reserve(length)
                if view is None:
                    self._sleep(until)
            finally:
                self.end_sleep()
            view = view if view is not None else self._try_reserve(length)
            if view is not None:
                return view
        raise TimeoutError('there was no room in the ring')


# ---- Reading ---------------------------------------------------------------------------------------------------------


class Message:
    """A message that was received, and is to be acknowledged."""

    __slots__ = ('_bytes', '_end', 'missed', 'sequence', 'tag', 'view', 'writer')

    def __init__(self, view, tag, sequence, writer, end, missed):
        #: The payload where it lies, without a copy; not to be written to. Valid until the message is acknowledged.
        self.view = view
        #: What it was sent as: TAG_BYTES, TAG_TEXT, TAG_JSON or TAG_MSGPACK.
        self.tag = tag
        #: From 1, one more for each message of its writer, over all the writer's restarts.
        self.sequence = sequence
        #: Which of the writers, from 0.
        self.writer = writer
        #: How many of its writer's messages were gone before this reader came to them, so far.
        self.missed = missed
        self._end = end
        self._bytes = None

    @property
    def is_text(self):
        return self.tag == TAG_TEXT

    @property
    def bytes(self):
        """A copy of the payload."""
        if self._bytes is None:
            self._bytes = self.view.tobytes()
        return self._bytes

    @property
    def text(self):
        return self.bytes.decode()

    @property
    def value(self):
        """What was sent: bytes, a str, or what the JSON or MessagePack stands for."""
        if self.tag == TAG_TEXT:
            return self.text
        if self.tag == TAG_JSON:
            return json.loads(self.bytes)
        return _load_msgpack().unpackb(self.bytes) if self.tag == TAG_MSGPACK else self.bytes


def _load_msgpack():
    try:
        import msgpack
    except ImportError:
        raise RingError(
            'UNSUPPORTED', 'MessagePack needs the package msgpack; or send bytes that are encoded, and take message.bytes.'
        ) from None
    return msgpack


class _Lane:
    """What a reader knows of a lane."""

    def __init__(self, writer, lane, cursor, data):
        self.writer = writer
        self.at = lane
        self.cursor = cursor
        self.data = data
        #: Of the next record to be given; everything before was acknowledged, as others have been told.
        self.position = self.acked = self.head = 0
        #: As last seen; in share mode the end of the claim.
        self.tail = 0
        self.expected = self.acked_sequence = 0
        self.missed = self.acked_missed = 0
        self.next_mark = 0
        #: The next record may have any later sequence.
        self.is_fresh = False
        #: In share mode: an own claim of before was looked for; there is one; the head of the lane was not moved yet.
        self.is_known = self.is_claimed = self.is_head_late = False


class Reader(Ring):
    def __init__(self, attachment):
        super().__init__(attachment)
        geometry = self._geometry
        self._exchange = _load_exchange() if self.is_shared else None
        self._is_held_up = False
        self._turn = 0
        self._lanes = [
            _Lane(writer, geometry.lane(writer), geometry.cursor(writer, self._slot), geometry.data(writer))
            for writer in range(geometry.writers)
        ]
        for lane in self._lanes if not self.is_shared else ():
            self._start_lane(lane)
        self._memory.publish(self._waiting, 0)

    def _start_lane(self, lane):
        lane.head = lane.acked = lane.position = lane.tail = self._memory.load(lane.cursor + CURSOR_HEAD)
        if lane.head % RECORD_ALIGNMENT != 0:
            raise self._poison(POISON_POSITION)
        lane.expected, lane.next_mark = self._recover(lane.cursor + CURSOR_MARKS, lane.head)
        lane.acked_sequence = lane.expected
        lane.missed = self._memory.get_long(lane.cursor + CURSOR_MISSED + 8 * (1 - lane.next_mark))
        lane.acked_missed = lane.missed

    @property
    def missed(self):
        """Messages that were gone before this reader came to them, of all writers."""
        return sum(lane.missed for lane in self._lanes)

    def __iter__(self):
        """Messages until no writer is left. Each is acknowledged after the loop's body; others are told of that with the last
        one that is there, or after a quarter of the ring, or by `flush()`."""
        while True:
            message = self.receive()
            if message is None:
                return
            yield message
            self._ack_soon(message)

    def receive(self, timeout=None):
        """The next message. Waits for one; None: every writer is finished, and there is none left. Raises TimeoutError."""
        until = _deadline(timeout)
        while True:
            # Before the lanes are looked at: whoever was a writer had published its last.
            has_ended = self._memory.load(HEADER_ENDED) == 1
            message = self.try_receive()
            if message is not None:
                return message
            if has_ended and not self._has_next():
                return None
            if until is not None and time.monotonic() >= until:
                raise TimeoutError('there was no message in the ring')
            self._wait(until)

    def try_receive(self):
        """The next message if there is one now, else None."""
        self._check()
        self._is_held_up = False
        lane = self._lanes[self._turn]
        is_lossy = self._geometry.is_lossy
        if lane.position != lane.tail and not is_lossy:
            return self._take(lane)
        # The others' turn comes when what there was in one is read.
        for _ in self._lanes:
            self._turn = (self._turn + 1) % len(self._lanes)
            lane = self._lanes[self._turn]
            message = self._take_lossy(lane) if is_lossy else self._take_next(lane)
            if message is not None:
                return message
        return None

    def ack(self, message):
        """Acknowledges the message and all before it of the same writer: none of them comes again."""
        self._ack_soon(message)
        self._tell(self._lanes[message.writer])

    def flush(self):
        """Others know of everything that was acknowledged so far."""
        self._check()
        for lane in self._lanes:
            self._tell(lane)

    def prepare_sleep(self):
        """True: nothing is there, and `fileno()` becomes readable when that changes; False: look first."""
        self.flush()
        self._memory.publish(self._waiting, 2)
        has_ended = self._memory.load(HEADER_ENDED) == 1
        return not self._has_next() and not has_ended

    def _take_next(self, lane):
        if self.is_shared:
            self._claim_some(lane)
            return self._take(lane) if lane.is_claimed and lane.position != lane.tail else None
        if lane.position == lane.tail:
            self._refresh(lane)
            if lane.position == lane.tail:
                self._tell(lane)
                return None
        return self._take(lane)

    def _refresh(self, lane):
        tail = self._memory.load(lane.at + LANE_TAIL)
        used = (tail - lane.head) & _MASK
        if tail % RECORD_ALIGNMENT != 0 or used > self._geometry.capacity or used < (lane.position - lane.head) & _MASK:
            raise self._poison(POISON_POSITION)
        lane.tail = tail

    def _read_head(self, lane, position):
        """(length, tag, sequence), each looked at once."""
        words = self._memory.words
        at = (lane.data + (position & (self._geometry.capacity - 1))) >> 2
        sequence = words[at + (RECORD_SEQUENCE_LOW >> 2)] | words[at + (RECORD_SEQUENCE_HIGH >> 2)] << 32
        return words[at + (RECORD_LENGTH >> 2)], words[at + (RECORD_TAG >> 2)], sequence

    def _fit(self, length, tag, position, left):
        """Bytes of a record that may be where it is, `left` bytes before the end of what may be read; 0: it may not."""
        room = self._geometry.capacity - (position & (self._geometry.capacity - 1))
        size = _size(length)
        if length > self.largest or size > left or size > room:
            return 0
        # A padding fills its lane up, and is published with what comes after it.
        if tag == TAG_PADDING:
            return size if length + RECORD_BYTES == room and size < left else 0
        return size if TAG_BYTES <= tag <= TAG_MSGPACK else 0

    @staticmethod
    def _is_next(lane, sequence):
        return sequence >= lane.expected if lane.is_fresh else sequence == lane.expected

    def _take(self, lane):
        """The record at the position of the lane, which is before its tail; not of a lossy ring."""
        for _ in range(2):
            length, tag, sequence = self._read_head(lane, lane.position)
            size = self._fit(length, tag, lane.position, (lane.tail - lane.position) & _MASK)
            if size == 0:
                raise self._poison(POISON_RECORD)
            if not self._is_next(lane, sequence):
                raise self._poison(POISON_SEQUENCE)
            at = lane.data + (lane.position & (self._geometry.capacity - 1)) + RECORD_BYTES
            lane.position = (lane.position + size) & _MASK
            if tag == TAG_PADDING:
                continue
            lane.expected = sequence + 1
            lane.is_fresh = False
            view = self._memory.bytes[at : at + length].toreadonly()
            return Message(view, tag, sequence, lane.writer, lane.position, lane.missed)
        raise self._poison(POISON_RECORD)

    def _read_bounds(self, lane):
        """`oldest` and `tail` of a lossy lane, of one moment. None: the writer is too fast for that."""
        load = self._memory.load
        for _ in range(64):
            oldest = load(lane.at + LANE_OLDEST)
            tail = load(lane.at + LANE_TAIL)
            if load(lane.at + LANE_OLDEST) != oldest:
                continue
            if tail % RECORD_ALIGNMENT == 0 and self._is_position(oldest, tail):
                return oldest, tail
            raise self._poison(POISON_POSITION)
        return None

    def _take_lossy(self, lane):
        """A copy of the next record. What its writer overwrites meanwhile is void, and counted."""
        for _ in range(64):
            bounds = self._read_bounds(lane)
            if bounds is None:
                return None
            oldest, tail = bounds
            if (tail - lane.position) & _MASK > (tail - oldest) & _MASK:
                lane.position = oldest
                lane.is_fresh = True
            if lane.position == tail:
                self._tell(lane)
                return None
            length, tag, sequence = self._read_head(lane, lane.position)
            size = self._fit(length, tag, lane.position, (tail - lane.position) & _MASK)
            at = lane.data + (lane.position & (self._geometry.capacity - 1)) + RECORD_BYTES
            copy = self._memory.bytes[at : at + length].tobytes() if size and tag != TAG_PADDING else b''
            if not _is_x86:
                self._memory.fence()
            if (lane.position - self._memory.load(lane.at + LANE_OLDEST)) & _MASK >= 1 << 31:
                continue
            if size == 0 or not self._is_next(lane, sequence):
                # Somebody who slept while 4 GiB went by may be anywhere.
                if lane.position == oldest:
                    raise self._poison(POISON_SEQUENCE if size else POISON_RECORD)
                lane.position = oldest
                lane.is_fresh = True
                continue
            lane.position = (lane.position + size) & _MASK
            if tag == TAG_PADDING:
                continue
            lane.missed += sequence - lane.expected
            lane.expected = sequence + 1
            lane.is_fresh = False
            return Message(memoryview(copy), tag, sequence, lane.writer, lane.position, lane.missed)
        return None

    def _ack_soon(self, message):
        self._check()
        lane = self._lanes[message.writer]
        is_given = (message._end - lane.acked) & _MASK <= (lane.position - lane.acked) & _MASK
        if not is_given or (self.is_shared and not lane.is_claimed):
            raise _error('MISUSE')
        if self.is_shared:
            self._ack_claim(lane, message._end)
            return
        lane.acked = message._end
        lane.acked_sequence = message.sequence + 1
        lane.acked_missed = message.missed
        if (lane.acked - lane.head) & _MASK >= self._geometry.capacity // 4:
            self._tell(lane)

    def _tell(self, lane):
        """Tells others of what was acknowledged in a lane."""
        if self.is_shared:
            self._settle(lane)
            return
        if lane.acked == lane.head:
            return
        self._memory.set_long(lane.cursor + CURSOR_MISSED + 8 * lane.next_mark, lane.acked_missed)
        self._mark(lane.cursor + CURSOR_MARKS, lane.next_mark, lane.acked, lane.acked_sequence)
        lane.next_mark = 1 - lane.next_mark
        lane.head = lane.acked
        self._memory.publish(lane.cursor + CURSOR_HEAD, lane.head)
        self._wake(lane.writer, lane.at + LANE_WAITING)

    # -- share --

    def _lock(self, lane):
        at = lane.at + LANE_LOCK
        address, anchor = self._memory.address()
        try:
            for _ in range(8):
                if self._exchange(address + at, 0, self._slot + 1):
                    return True
                if self._memory.load(at) > self._geometry.readers:
                    raise self._poison(POISON_CLAIM)
        finally:
            del anchor
        self._is_held_up = True
        return False

    def _unlock(self, lane):
        self._memory.publish(lane.at + LANE_LOCK, 0)

    def _read_span(self, lane):
        """The three positions that the lock of a lane is for."""
        head, next_, tail = (self._memory.load(lane.at + offset) for offset in (LANE_HEAD, LANE_NEXT, LANE_TAIL))
        are_possible = tail % RECORD_ALIGNMENT == 0 and self._is_position(head, tail) and self._is_position(next_, tail)
        if not are_possible or (next_ - head) & _MASK > (tail - head) & _MASK:
            raise self._poison(POISON_POSITION)
        return head, next_, tail

    def _read_claim(self, lane, reader):
        """(position, end), or None."""
        at = self._geometry.cursor(lane.writer, reader)
        if self._memory.load(at + CURSOR_CLAIMED) != 1:
            return None
        return self._memory.load(at + CURSOR_POSITION), self._memory.load(at + CURSOR_END)

    def _check_claim(self, claim, span):
        position, end = claim
        head, next_, _ = span
        is_aligned = position % RECORD_ALIGNMENT == 0 and end % RECORD_ALIGNMENT == 0
        if not is_aligned or not (position - head) & _MASK <= (end - head) & _MASK <= (next_ - head) & _MASK:
            raise self._poison(POISON_CLAIM)

    def _move_head(self, lane):
        """Under the lock: to the first position that somebody is still at."""
        span = self._read_span(lane)
        head, next_, _ = span
        least = (next_ - head) & _MASK
        for reader in range(self._geometry.readers):
            claim = self._read_claim(lane, reader)
            if claim is not None:
                self._check_claim(claim, span)
                least = min(least, (claim[0] - head) & _MASK)
        if least:
            self._memory.publish(lane.at + LANE_HEAD, head + least)
        lane.is_head_late = False

    def _settle(self, lane):
        if not lane.is_head_late or not self._lock(lane):
            return
        self._move_head(lane)
        self._unlock(lane)
        self._wake(lane.writer, lane.at + LANE_WAITING)

    def _ack_claim(self, lane, end):
        self._memory.set(lane.cursor + CURSOR_POSITION, end)
        lane.acked = end
        if end == lane.tail:
            self._memory.publish(lane.cursor + CURSOR_CLAIMED, 0)
            lane.is_claimed = False
            lane.is_head_late = True
        elif self._memory.get(lane.at + LANE_WAITING) != 0:
            lane.is_head_late = True

    @staticmethod
    def _begin_claim(lane, position, end):
        lane.position = lane.acked = position
        lane.tail = end
        lane.is_claimed = lane.is_fresh = True
        lane.expected = 0

    def _store_claim(self, lane, position, end):
        self._memory.set(lane.cursor + CURSOR_POSITION, position)
        self._memory.set(lane.cursor + CURSOR_END, end)
        self._memory.publish(lane.cursor + CURSOR_CLAIMED, 1)

    def _repair(self, lane):
        """What the host does for a reader that died with the lock; here for one in whose place this program came."""
        if self._memory.load(lane.at + LANE_LOCK) != self._slot + 1:
            return
        own = self._read_claim(lane, self._slot)
        if own is not None:
            beyond = (own[1] - self._memory.load(lane.at + LANE_NEXT)) & _MASK
            others = (self._read_claim(lane, reader) for reader in range(self._geometry.readers) if reader != self._slot)
            if 0 < beyond < 1 << 31 or any(claim is not None and claim[1] == own[1] for claim in others):
                self._memory.publish(lane.cursor + CURSOR_CLAIMED, 0)
        self._unlock(lane)

    def _resume(self, lane, span):
        """Under the lock, once: a claim that this reader's last incarnation left is given again."""
        lane.is_known = True
        own = self._read_claim(lane, self._slot)
        if own is None:
            return
        self._check_claim(own, span)
        self._begin_claim(lane, *own)
        if own[0] == own[1]:
            self._ack_claim(lane, own[1])

    def _is_dead(self, reader):
        return reader != self._slot and self._memory.load(self._geometry.slot(1, reader) + SLOT_ALIVE) != 1

    def _take_over(self, lane, span):
        """Under the lock: the claim of a reader that is dead."""
        for reader in range(self._geometry.readers):
            claim = self._read_claim(lane, reader) if self._is_dead(reader) else None
            if claim is None:
                continue
            self._check_claim(claim, span)
            if claim[0] != claim[1]:
                self._store_claim(lane, *claim)
            self._memory.publish(self._geometry.cursor(lane.writer, reader) + CURSOR_CLAIMED, 0)
            if claim[0] != claim[1]:
                self._begin_claim(lane, *claim)
                return
            lane.is_head_late = True

    def _claim_next(self, lane, span):
        """Under the lock: the next records that nobody has."""
        _, next_, tail = span
        ends = []
        end = next_
        while end != tail and len(ends) < 16:
            length, tag, _ = self._read_head(lane, end)
            size = self._fit(length, tag, end, (tail - end) & _MASK)
            if size == 0:
                raise self._poison(POISON_RECORD)
            end = (end + size) & _MASK
            if tag != TAG_PADDING:
                ends.append(end)
        if not ends:
            return
        # The others want some too.
        end = ends[(len(ends) + self._geometry.readers - 1) // self._geometry.readers - 1]
        self._store_claim(lane, next_, end)
        self._memory.publish(lane.at + LANE_NEXT, end)
        self._begin_claim(lane, next_, end)

    def _claim_some(self, lane):
        """Gets this reader a claim in a lane if it has none; where others hold the lock now it is left for later."""
        if lane.is_claimed or not self._can_claim(lane):
            return
        if not lane.is_known:
            self._repair(lane)
        if not self._lock(lane):
            return
        # After a failure the lock is left: the ring is given up.
        span = self._read_span(lane)
        if not lane.is_known:
            self._resume(lane, span)
        if not lane.is_claimed:
            self._take_over(lane, span)
        if not lane.is_claimed:
            self._claim_next(lane, span)
        is_late = lane.is_head_late
        if is_late:
            self._move_head(lane)
        self._unlock(lane)
        if is_late:
            self._wake(lane.writer, lane.at + LANE_WAITING)

    def _can_claim(self, lane):
        if lane.is_claimed:
            return lane.position != lane.tail
        if not lane.is_known or lane.is_head_late:
            return True
        if self._memory.load(lane.at + LANE_NEXT) != self._memory.load(lane.at + LANE_TAIL):
            return True
        readers = range(self._geometry.readers)
        return any(self._is_dead(reader) and self._read_claim(lane, reader) is not None for reader in readers)

    # -- waiting --

    def _has_next(self):
        """Is there something to look at: a message, or a ring that was given up?"""
        if self._memory.get(HEADER_POISON) != 0:
            return True
        if self.is_shared:
            return any(self._can_claim(lane) for lane in self._lanes)
        return any(self._memory.load(lane.at + LANE_TAIL) != lane.position for lane in self._lanes)

    def _spin(self):
        """Looks again and again for some microseconds: fewer when that did not help lately."""
        until = time.monotonic() + self._spin_seconds
        while True:
            if self._has_next():
                self._spin_seconds = min(50e-6, self._spin_seconds * 2)
                return True
            if time.monotonic() >= until:
                self._spin_seconds = max(2e-6, self._spin_seconds / 2)
                return False

    def _wait(self, until):
        if self._is_held_up:
            # No bell says when a lock is free.
            time.sleep(0.001)
            return
        self._memory.publish(self._waiting, 1)
        try:
            if self._spin():
                return
            self._memory.publish(self._waiting, 2)
            has_ended = self._memory.load(HEADER_ENDED) == 1
            if not self._has_next() and not has_ended:
                self._sleep(until)
        finally:
            self.end_sleep()


if sys.byteorder != 'little' or sys.maxsize < 1 << 32:
    raise ImportError('ipcsup_ring is for little-endian systems of 64 bits')
