/** A message of the client breaks the protocol. Its connection ends, because the rest of the stream cannot be trusted. */
export class ProtocolError extends Error {
  static {
    this.prototype.name = 'ProtocolError'
  }
}
