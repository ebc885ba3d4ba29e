"""libpq 18, which asks for protocol 3.2 if it is told to, by the functions of its library. LIBPQ is the library's path."""

import ctypes
import os
import threading
import time

from checkpoint import DSN, checkpoint, say

pq = ctypes.CDLL(os.environ["LIBPQ"])
for name in ("PQconnectdb", "PQexec", "PQcancelCreate"):
    getattr(pq, name).restype = ctypes.c_void_p
for name in ("PQerrorMessage", "PQgetvalue", "PQresultErrorField", "PQresStatus", "PQcmdStatus", "PQcancelErrorMessage"):
    getattr(pq, name).restype = ctypes.c_char_p
SQLSTATE = ord("C")


def text(raw):
    return None if raw is None else raw.decode()


def connect(version):
    connection = ctypes.c_void_p(pq.PQconnectdb(f"{DSN} {version}".encode()))
    say(version, pq.PQstatus(connection), text(pq.PQerrorMessage(connection)))
    return connection


def run(connection, statement):
    result = ctypes.c_void_p(pq.PQexec(connection, statement.encode()))
    rows = [
        [text(pq.PQgetvalue(result, row, column)) for column in range(pq.PQnfields(result))]
        for row in range(pq.PQntuples(result))
    ]
    status = text(pq.PQresStatus(pq.PQresultStatus(result)))
    say(statement, status, text(pq.PQcmdStatus(result)), text(pq.PQresultErrorField(result, SQLSTATE)), rows)
    pq.PQclear(result)


def cancel(connection, outcome):
    time.sleep(0.3)
    request = ctypes.c_void_p(pq.PQcancelCreate(connection))
    outcome += [pq.PQcancelBlocking(request), text(pq.PQcancelErrorMessage(request))]
    pq.PQcancelFinish(request)


for version in ("", "max_protocol_version=3.0", "max_protocol_version=3.2", "max_protocol_version=latest"):
    a, b = connect(version), connect(version)
    run(a, "SELECT pg_advisory_lock(42)")
    checkpoint()
    run(b, "SELECT pg_try_advisory_lock(42)")
    # The secret of a cancel request may be longer in protocol 3.2 than in 3.0.
    outcome = []
    thread = threading.Thread(target=cancel, args=(b, outcome))
    thread.start()
    run(b, "SELECT pg_advisory_lock(42)")
    thread.join()
    say("cancel", *outcome)
    run(a, "SELECT pg_advisory_unlock(42)")
    run(b, "SELECT pg_advisory_lock(42)")
    checkpoint()
    pq.PQfinish(b)
    pq.PQfinish(a)
    checkpoint()
