import net from 'node:net'

/** A socket that goes to this address, whatever host it is told: `pg` tells it the name, which TLS needs. */
export function socketTo(address: string): net.Socket {
  const socket = new net.Socket()
  const connect = socket.connect.bind(socket)
  return Object.assign(socket, { connect: (port: number) => connect({ host: address, port }) })
}
