/** The texts of CommandComplete. */
export const TAGS = {
  begin: 'BEGIN',
  startTransaction: 'START TRANSACTION',
  commit: 'COMMIT',
  rollback: 'ROLLBACK',
  savepoint: 'SAVEPOINT',
  release: 'RELEASE',
  prepareTransaction: 'PREPARE TRANSACTION',
  commitPrepared: 'COMMIT PREPARED',
  rollbackPrepared: 'ROLLBACK PREPARED',
} as const
