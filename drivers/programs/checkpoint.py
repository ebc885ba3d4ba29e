"""What all programs in Python have in common."""

import os
import sys

PORT = os.environ["PGPORT"]
KEYWORDS = dict(host="127.0.0.1", port=int(PORT), user="app", password="secret")
DSN = f"host=127.0.0.1 port={PORT} user=app password=secret dbname=app"


def checkpoint():
    """Waits until the locks at the server have been written down."""
    print("locks?", flush=True)
    sys.stdin.readline()


def say(*words):
    print(*words, flush=True)
