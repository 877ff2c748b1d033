import { randomBytes } from 'node:crypto'
import { RedisBackplane, type RedisBackplaneOptions, type RedisClient } from 'socket-signal-redis'
import type { SuiteTest } from 'socket-signal-testing'
import { test } from './test.ts'

/** For suites that bring their own tests: skipped where there is no redis-server. */
export const needingRedis: SuiteTest = (name, body) => test(name, { needs: ['redis-server'] }, t => body(t))

export interface RedisNodes<Client> {
  nodes: RedisBackplane[]
  clients: Client[]
  close(): Promise<void>
}

/** Nodes of one prefix that nobody else has, each with a client of its own. Heartbeats are short. */
export async function makeNodes<Client extends RedisClient>(
  count: number,
  connect: () => Client | Promise<Client>,
  end: (client: Client) => unknown,
  options: Partial<RedisBackplaneOptions> = {}
): Promise<RedisNodes<Client>> {
  const prefix = `test-${randomBytes(6).toString('hex')}:`
  const clients = await Promise.all(Array.from({ length: count }, connect))
  const nodes = clients.map(client => new RedisBackplane({ client, prefix, heartbeat: 400, ...options }))
  await Promise.all(nodes.map(node => node.open()))
  return {
    nodes,
    clients,
    close: async () => {
      await Promise.all(nodes.map(node => node.close()))
      await Promise.all(clients.map(end))
    }
  }
}
