import threading

import psycopg
from checkpoint import DSN, checkpoint, say


def run(connection, statement, values=None, **options):
    try:
        cursor = connection.execute(statement, values, **options)
        names = [(column.name, column.type_code) for column in cursor.description] if cursor.description else None
        say(statement, names, cursor.fetchall() if cursor.description else None, cursor.statusmessage)
    except psycopg.Error as error:
        say(statement, type(error).__name__, error.sqlstate, str(error).split("\n")[0])


with psycopg.connect(DSN, autocommit=True) as a, psycopg.connect(DSN) as b:
    run(a, "SELECT pg_advisory_lock(%s)", (42,))
    run(a, "SELECT pg_advisory_lock(%s)", (2**40,))
    run(a, "SELECT pg_try_advisory_lock(%s, %s)", (1, 2), binary=True)
    checkpoint()
    run(a, "SELECT pg_advisory_unlock(%s), pg_advisory_unlock(%b)", (42, 2**40))
    run(a, "SELECT pg_advisory_lock(%s)", ("no number",))
    run(a, "SELECT pg_advisory_lock(hashtext(%s))", ("job",))
    run(a, "SELECT pg_advisory_unlock(hashtext(%s)::bigint)", ("job",))
    run(a, "SELECT pg_advisory_unlock_all()")
    checkpoint()

    # From the sixth execution on, psycopg prepares the statement.
    for i in range(8):
        run(b, "SELECT pg_advisory_lock(%s::bigint)", (i % 2,))
    checkpoint()
    for i in range(8):
        run(b, "SELECT pg_advisory_unlock(%s::bigint)", (i % 2,))
    b.commit()
    checkpoint()
    with b.pipeline():
        first = b.execute("SELECT pg_advisory_lock(%s, %s)", (3, 4))
        second = b.execute("SELECT pg_try_advisory_xact_lock(%s)", (5,))
        third = b.execute("SELECT pg_advisory_unlock(%s, %s)", (3, 4))
        say(first.fetchone(), second.fetchone(), third.fetchone())
        checkpoint()
    b.commit()
    checkpoint()

    # If a statement of a pipeline fails, the server skips the rest.
    try:
        with b.pipeline():
            b.execute("SELECT pg_advisory_lock(6)")
            b.execute("SELECT 1 / 0")
            b.execute("SELECT pg_advisory_lock(7)")
    except psycopg.Error as error:
        say(type(error).__name__, error.sqlstate)
    b.rollback()
    checkpoint()
    run(b, "SELECT pg_advisory_unlock_all()")
    b.commit()

    run(a, "SELECT pg_advisory_lock(9)")
    timer = threading.Timer(0.3, b.cancel)
    timer.start()
    run(b, "SELECT pg_advisory_lock(9)")
    timer.join()
    b.rollback()
    with b.transaction():
        run(b, "SELECT pg_advisory_xact_lock(%s)", (10,))
        try:
            with b.transaction():
                run(b, "SELECT pg_advisory_xact_lock(%s)", (11,))
                checkpoint()
                raise ValueError
        except ValueError:
            checkpoint()
    checkpoint()
checkpoint()
