import django
from checkpoint import PORT, checkpoint, say
from django.conf import settings

database = dict(
    ENGINE="django.db.backends.postgresql",
    NAME="app",
    USER="app",
    PASSWORD="secret",
    HOST="127.0.0.1",
    PORT=PORT,
)
settings.configure(DATABASES={"default": database}, USE_TZ=True, TIME_ZONE="UTC")
django.setup()
from django.db import connection, transaction  # noqa: E402
from django_pglocks import advisory_lock  # noqa: E402

with advisory_lock("some_lock"):
    checkpoint()
with advisory_lock("some_lock", shared=True, wait=False) as got:
    say("shared", got)
    checkpoint()
with advisory_lock((3, 4)):
    checkpoint()
checkpoint()
with transaction.atomic():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [42])
        checkpoint()
        try:
            with transaction.atomic():
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [43])
                checkpoint()
                raise ValueError
        except ValueError:
            checkpoint()
checkpoint()
with connection.cursor() as cursor:
    cursor.execute("SELECT %s + 1", [41])
    say(cursor.fetchall())
connection.close()
