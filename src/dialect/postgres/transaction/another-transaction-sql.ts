/**
 * Whether the statements of one text have ended the transaction and begun another, in which nothing is locked. `commands`
 * are the server's answers to them. It answers `ROLLBACK AND CHAIN` as it answers `ROLLBACK TO SAVEPOINT`, which keeps the
 * locks.
 */
export function isAnotherTransaction(commands: readonly unknown[], text: string): boolean {
  if (commands.includes('COMMIT')) return true
  const first = commands.indexOf('ROLLBACK')
  if (first < 0) return false
  const isChained = /\band(?:\s|--.*|\/\*[\s\S]*?\*\/)+chain\b/i.test(text)
  return isChained || commands.slice(first).some((command) => command === 'BEGIN' || command === 'START')
}
