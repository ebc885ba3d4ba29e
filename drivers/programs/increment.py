import sys

import psycopg2
from checkpoint import DSN

connection = psycopg2.connect(DSN)
connection.autocommit = True
cursor = connection.cursor()
for _ in range(int(sys.argv[1])):
    cursor.execute("SELECT pg_advisory_lock(77)")
    cursor.execute("SELECT value FROM counter")
    (value,) = cursor.fetchone()
    cursor.execute("UPDATE counter SET value = %s", (value + 1,))
    cursor.execute("SELECT pg_advisory_unlock(77)")
