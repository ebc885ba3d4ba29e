import { LINE_CLASS } from './postgres-key.js'

/**
 * Waiting in line for a key, on the connection that listens. One transaction, whose statements are sent together: whatever
 * becomes of the client, the server ends it by itself, and with it every lock that it took.
 *
 * The line is the server's own queue for a lock in a class of ours. Who has that is the head of it, and waits for the key
 * itself to be free. DO, because it can catch that a wait has taken too long: otherwise the server would log an error. What
 * it is about comes and goes in settings, so that the text is the same for all keys: pg_stat_statements keeps each text.
 */

/** How long one wait lasts at most. Shorter than `deadlock_timeout`, after which a server may log that somebody waits. */
export const LINE_MS = 250

/** How long the head of the line leaves others standing behind it, once the key was free: its session is about to take it. */
const LEAVE_MS = 5

/** How often it is looked whether the key has been taken. */
const LOOK_MS = 0.4

/** Whether the server would log a wait as short as ours. */
export const LINE_FACTS: string = `
SELECT
  pg_catalog.current_setting('log_lock_waits') OPERATOR(pg_catalog.=) 'on'
    AND pg_catalog.date_part('epoch', pg_catalog.current_setting('deadlock_timeout')::interval)
      OPERATOR(pg_catalog.<=) ${(LINE_MS * 1.2) / 1000} AS logs`

/** With these in force the names in what follows are the server's own. */
const BEGIN_LINE: string = `
BEGIN;
SET LOCAL statement_timeout = 0;
SET LOCAL lock_timeout = ${LINE_MS};
SET LOCAL search_path = pg_catalog`

/** What is waited for is tried first, to tell who has waited from who has not. The key is held no longer than that it is known to be free. */
const WAIT_IN_LINE: string = `
DO $$
DECLARE
  key text[] DEFAULT string_to_array(current_setting('lockpool.line'), ' ');
  turn text DEFAULT 'free';
BEGIN
  PERFORM set_config('lockpool.turn', 'late', true);
  IF NOT pg_try_advisory_xact_lock(${LINE_CLASS}, key[1]::int4) THEN
    turn = 'next';
    PERFORM pg_advisory_xact_lock(${LINE_CLASS}, key[1]::int4);
  END IF;
  BEGIN
    IF key[3] IS NULL THEN
      IF pg_try_advisory_xact_lock(key[2]::int8) THEN
        RAISE triggered_action_exception;
      ELSIF pg_try_advisory_xact_lock_shared(key[2]::int8) THEN
        turn = 'read';
      ELSE
        turn = 'come';
        PERFORM pg_advisory_xact_lock_shared(key[2]::int8);
      END IF;
    ELSIF pg_try_advisory_xact_lock(key[2]::int4, key[3]::int4) THEN
      RAISE triggered_action_exception;
    ELSIF pg_try_advisory_xact_lock_shared(key[2]::int4, key[3]::int4) THEN
      turn = 'read';
    ELSE
      turn = 'come';
      PERFORM pg_advisory_xact_lock_shared(key[2]::int4, key[3]::int4);
    END IF;
    RAISE triggered_action_exception;
  EXCEPTION WHEN triggered_action_exception THEN
    PERFORM set_config('lockpool.turn', turn, true);
  END;
EXCEPTION WHEN OTHERS THEN
  PERFORM set_config('lockpool.turn', 'late', true);
END
$$;
SELECT pg_catalog.current_setting('lockpool.turn') AS turn`

/**
 * `name` is the hash of the key, and the key, in digits: a bigint, or two integers. All of it is one message: each would
 * cost both sides as much as the wait itself.
 */
export function waitInLine(name: string): string {
  return `${BEGIN_LINE};
SELECT pg_catalog.set_config('lockpool.line', '${name}', true);${WAIT_IN_LINE}`
}

/** The place at the head is kept until the key has been taken, by whomever, or for a few milliseconds. */
export const LEAVE_LINE: string = `
DO $$
DECLARE
  key text[] DEFAULT string_to_array(current_setting('lockpool.line'), ' ');
BEGIN
  IF current_setting('lockpool.turn') IN ('late', 'read') THEN
    RETURN;
  END IF;
  FOR i IN 1..${Math.ceil(LEAVE_MS / LOOK_MS)} LOOP
    IF key[3] IS NULL THEN
      EXIT WHEN NOT pg_try_advisory_lock_shared(key[2]::int8);
      PERFORM pg_advisory_unlock_shared(key[2]::int8);
    ELSE
      EXIT WHEN NOT pg_try_advisory_lock_shared(key[2]::int4, key[3]::int4);
      PERFORM pg_advisory_unlock_shared(key[2]::int4, key[3]::int4);
    END IF;
    PERFORM pg_sleep(${LOOK_MS / 1000});
  END LOOP;
EXCEPTION WHEN OTHERS THEN
  NULL;
END
$$;
COMMIT`

export const ABANDON_LINE = `ROLLBACK`
