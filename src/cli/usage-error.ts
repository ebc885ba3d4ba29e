/** The command line can't be understood. Says what is wrong with it; nothing has been done yet. */
export class UsageError extends Error {
  static {
    this.prototype.name = 'UsageError'
  }
}
