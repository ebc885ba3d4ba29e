/** The upstream's own error, which the client gets unchanged. */
export class UpstreamError extends Error {
  static {
    this.prototype.name = 'UpstreamError'
  }

  /** The whole ErrorResponse. */
  readonly bytes: Buffer

  constructor(bytes: Buffer) {
    super('the upstream has refused a statement')
    this.bytes = bytes
  }
}
