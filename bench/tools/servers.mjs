import { startServer } from './server.mjs'

/** One server of each system, by name. Says why of those that can't run here. */
export async function startAll(systems, note) {
  const servers = new Map()
  for (const { name, title } of systems) {
    try {
      servers.set(name, await startServer(name))
    } catch (error) {
      note(`${title}: not measured: ${error.message}`)
    }
  }
  return servers
}

export async function stopAll(servers) {
  await Promise.all([...servers.values()].map(server => server.stop()))
}
