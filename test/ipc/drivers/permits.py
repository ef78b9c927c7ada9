"""permits.py LINK ACTION…: take, try, give, and what a test wants in between: say:TEXT, wait:FILE, sleep."""
import ctypes
import fcntl
import os
import struct
import sys
import time

# The fixtures stay as they are.
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../../fixtures/permits"))
from count import F_OFD_SETLKW, PosixSemaphore, SystemVSemaphore, libc, open_link  # noqa: E402

link = open_link(sys.argv[1])


def try_to_take():
    """True when a permit was free."""
    if isinstance(link, PosixSemaphore):
        return libc.sem_trywait(link.semaphore) == 0
    if isinstance(link, SystemVSemaphore):
        # IPC_NOWAIT | SEM_UNDO
        return libc.semop(link.number, struct.pack("Hhh", 0, -1, 0o4000 | 0x1000), ctypes.c_size_t(1)) == 0
    try:
        fcntl.fcntl(link.descriptor, F_OFD_SETLKW - 1, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
        return True
    except OSError:
        return False


for action in sys.argv[2:]:
    word, _, rest = action.partition(":")
    if word == "take":
        link.take()
        print("taken", flush=True)
    elif word == "try":
        print("taken" if try_to_take() else "none free", flush=True)
    elif word == "give":
        link.give()
    elif word == "say":
        print(rest, flush=True)
    elif word == "wait":
        while not os.path.exists(rest):
            time.sleep(0.005)
    elif word == "sleep":
        time.sleep(1000)
