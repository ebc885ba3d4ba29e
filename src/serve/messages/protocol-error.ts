/** What a client sent breaks the protocol. Its connection ends: nothing that follows can be trusted. */
export class ProtocolError extends Error {
  static {
    this.prototype.name = 'ProtocolError'
  }
}
