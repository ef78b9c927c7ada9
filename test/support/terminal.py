"""Runs a command on a new terminal: what comes in on 0 is typed there, what is shown there goes to 1.

usage: terminal.py reads|deaf COMMAND ARGUMENT...

`deaf`: nobody reads the terminal until SIGUSR1 comes. Ends with the status of the command (128 + signal).
"""
import os
import pty
import select
import signal
import sys

hears = sys.argv[1] == "reads"


def listen(_signal, _frame):
    global hears
    hears = True


signal.signal(signal.SIGUSR1, listen)
child, terminal = pty.fork()
if child == 0:
    os.execvp(sys.argv[2], sys.argv[2:])

keyboard = [0]
while True:
    ready, _, _ = select.select(keyboard + ([terminal] if hears else []), [], [], 0.2)
    if 0 in ready:
        typed = os.read(0, 4096)
        if typed:
            os.write(terminal, typed)
        else:
            keyboard = []
    if terminal in ready:
        try:
            shown = os.read(terminal, 65536)
        except OSError:
            # EIO: every descriptor of the other side is closed.
            break
        os.write(1, shown)
status = os.waitpid(child, 0)[1]
sys.exit(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))
