import threading

import psycopg2
import psycopg2.pool
from checkpoint import DSN, checkpoint, say

a = psycopg2.connect(DSN)
a.autocommit = True
b = psycopg2.connect(DSN, options="-c lock_timeout=200", application_name="worker")
ca, cb = a.cursor(), b.cursor()


def run(cursor, statement, *values):
    try:
        cursor.execute(statement, values or None)
        names = [column.name for column in cursor.description] if cursor.description else None
        types = [column.type_code for column in cursor.description] if cursor.description else None
        rows = cursor.fetchall() if cursor.description else None
        say(statement, names, types, rows, cursor.statusmessage)
    except psycopg2.Error as error:
        say(statement, type(error).__name__, error.pgcode, str(error).split("\n")[0])


run(ca, "SELECT pg_advisory_lock(42)")
run(ca, "SELECT pg_advisory_lock(%s)", 42)
run(ca, "SELECT pg_try_advisory_lock(%s, %s) AS locked", 1, 2)
run(ca, "SELECT pg_advisory_lock_shared(-7)")
checkpoint()
run(ca, "SELECT pg_advisory_unlock(42)")
checkpoint()
run(ca, "SELECT pg_advisory_unlock(42), pg_advisory_unlock(1, 2), pg_advisory_unlock_shared(-7)")
run(ca, "SELECT pg_advisory_unlock(42)")
say([line.strip() for line in a.notices])
checkpoint()

# Another session waits, until its lock_timeout, its statement_timeout or a cancel request ends the wait.
run(ca, "SELECT pg_advisory_lock(7)")
run(cb, "SELECT pg_try_advisory_lock(7)")
run(cb, "SELECT pg_advisory_lock(7)")
b.rollback()
cb.execute("SET LOCAL lock_timeout = '0'")
cb.execute("SET LOCAL statement_timeout = '150ms'")
run(cb, "SELECT pg_advisory_lock(7)")
b.rollback()
cb.execute("SET LOCAL lock_timeout = '0'")
timer = threading.Timer(0.3, b.cancel)
timer.start()
run(cb, "SELECT pg_advisory_lock(7)")
timer.join()
run(cb, "SELECT 1")
b.rollback()

# One session waits until the other releases the lock.
cb.execute("SET lock_timeout = 0")
timer = threading.Timer(0.3, lambda: run(ca, "SELECT pg_advisory_unlock(7)"))
timer.start()
cb.execute("SELECT pg_advisory_lock(7)")
timer.join()
checkpoint()
b.rollback()
checkpoint()
run(cb, "SELECT pg_advisory_unlock_all()")
b.commit()
checkpoint()

# Transaction-level locks.
with b:
    run(cb, "SELECT pg_try_advisory_xact_lock(8)")
    run(cb, "SAVEPOINT s")
    run(cb, "SELECT pg_advisory_xact_lock(9)")
    checkpoint()
    run(cb, "ROLLBACK TO s")
    checkpoint()
    run(ca, "SELECT pg_try_advisory_lock(8), pg_try_advisory_lock(9)")
checkpoint()
run(ca, "SELECT pg_advisory_unlock(9)")
cb.execute("SELECT pg_advisory_xact_lock(10)")
run(cb, "SELECT 1 / 0")
run(cb, "SELECT pg_advisory_lock(11)")
checkpoint()
b.rollback()
checkpoint()

b.set_session(isolation_level="SERIALIZABLE", readonly=False, autocommit=False)
run(cb, "SHOW transaction_isolation")
b.commit()
run(cb, "SELECT pg_advisory_lock(12)")
b.reset()
checkpoint()
run(ca, "SELECT pg_advisory_lock(13); SELECT pg_advisory_unlock(13), 'x' AS y")
run(ca, "SELECT pg_advisory_lock('no')")
run(ca, "SELECT pg_advisory_lock(1.5)")
run(ca, "SELECT pg_advisory_lock(hashtext('job'))")
run(ca, "SELECT pg_advisory_unlock(hashtext('job'))")
run(ca, "SELECT pg_advisory_lock(NULL)")

# A connection that ends releases its locks.
run(ca, "SELECT pg_advisory_lock(14)")
checkpoint()
a.close()
b.close()
checkpoint()

# A pool that gets its connection back after the unlock.
pool = psycopg2.pool.SimpleConnectionPool(1, 5, DSN)
c = pool.getconn()
with c.cursor() as cursor:
    cursor.execute("SELECT pg_advisory_lock(15)")
    checkpoint()
    cursor.execute("SELECT pg_advisory_unlock(15)")
pool.putconn(c)
checkpoint()
pool.closeall()
