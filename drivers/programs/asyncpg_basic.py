import asyncio

import asyncpg
from checkpoint import KEYWORDS, checkpoint, say


async def run(connection, statement, *values):
    try:
        rows = await connection.fetch(statement, *values)
        say(statement, [dict(row) for row in rows])
    except asyncpg.PostgresError as error:
        say(statement, type(error).__name__, error.sqlstate)


async def main():
    async with asyncpg.create_pool(**KEYWORDS, database="app", min_size=1, max_size=3) as pool:
        async with pool.acquire() as a, pool.acquire() as b:
            await run(a, "SELECT pg_advisory_lock($1)", 42)
            say(await a.fetchval("SELECT pg_try_advisory_lock($1, $2)", 1, 2))
            say(await b.fetchval("SELECT pg_try_advisory_lock($1)", 42))
            checkpoint()
            async with b.transaction():
                await run(b, "SELECT pg_advisory_xact_lock($1)", 7)
                checkpoint()
            checkpoint()
            try:
                await asyncio.wait_for(b.execute("SELECT pg_advisory_lock(42)"), 0.3)
            except asyncio.TimeoutError:
                say("timed out")
            await run(b, "SELECT 1 AS one")
            await run(a, "SELECT pg_advisory_unlock($1)", 42)
            say(await a.execute("SELECT pg_advisory_lock(8); SELECT pg_advisory_lock(9)"))
            checkpoint()
        # A connection that returns to the pool releases its locks: pg_advisory_unlock_all, CLOSE, UNLISTEN, RESET in one string.
        checkpoint()
        async with pool.acquire() as a:
            await run(a, "SELECT pg_advisory_lock(10)")
            checkpoint()
    checkpoint()


asyncio.run(main())
