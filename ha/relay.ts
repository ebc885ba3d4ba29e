/**
 * Forwards connections from one port to another, in a process that can be stopped: that cuts its node off from etcd.
 */
import { connect, createServer } from 'node:net'

const [port, target] = process.argv.slice(2).map(Number)

createServer((client) => {
  const server = connect(target!, '127.0.0.1')
  client.pipe(server).on('error', () => client.destroy())
  server.pipe(client).on('error', () => server.destroy())
  client.on('close', () => server.destroy())
  server.on('close', () => client.destroy())
}).listen(port, '127.0.0.1')
process.on('disconnect', () => process.exit())
