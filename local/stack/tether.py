"""Runs a module as the leader of its process group, and ends the whole group when standard input ends: with whoever
started it, however that ended. Usage: python tether.py MODULE [ARGUMENT ...]"""

import os
import runpy
import signal
import sys
import threading


def end_with_parent() -> None:
    while os.read(0, 1024):
        pass
    os.killpg(os.getpgid(0), signal.SIGKILL)


threading.Thread(target=end_with_parent, daemon=True).start()
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
