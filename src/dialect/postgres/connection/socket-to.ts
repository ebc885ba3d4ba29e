import net from 'node:net'

/**
 * Returns a socket that connects to this address, whatever host `connect` gets. `pg` passes the host name, which TLS
 * needs.
 */
export function socketTo(address: string): net.Socket {
  const socket = new net.Socket()
  const connect = socket.connect.bind(socket)
  return Object.assign(socket, { connect: (port: number) => connect({ host: address, port }) })
}
