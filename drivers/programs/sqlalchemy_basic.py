from checkpoint import PORT, checkpoint, say
from sqlalchemy import BigInteger, cast, create_engine, func, select, text

engine = create_engine(
    f"postgresql+psycopg2://app:secret@127.0.0.1:{PORT}/app", pool_size=5, pool_pre_ping=True
)
with engine.connect() as c:
    c.execute(text("SELECT pg_advisory_lock(:k)"), {"k": 42})
    checkpoint()
    say(c.execute(text("SELECT pg_advisory_unlock(:k)"), {"k": 42}).scalar())
with engine.begin() as c:
    say(c.execute(select(func.pg_try_advisory_xact_lock(42))).scalar())
    say(c.execute(select(func.pg_try_advisory_xact_lock(cast(43, BigInteger)).label("got"))).mappings().all())
    checkpoint()
checkpoint()
try:
    with engine.begin() as c:
        c.execute(select(func.pg_advisory_xact_lock(44)))
        c.execute(text("SELECT 1 / 0"))
except Exception as error:
    say(type(error).__name__, error.orig.pgcode)
checkpoint()
with engine.begin() as c:
    c.execute(text("CREATE TABLE IF NOT EXISTS alchemy (id int PRIMARY KEY)"))
    c.execute(text("INSERT INTO alchemy VALUES (1) ON CONFLICT DO NOTHING"))
with engine.connect() as c:
    say(c.execute(text("SELECT count(*) FROM alchemy")).scalar())
    # The connection returns to the pool without an unlock. The pool rolls back, which keeps the lock.
    c.execute(text("SELECT pg_advisory_lock(45)"))
checkpoint()
engine.dispose()
checkpoint()
