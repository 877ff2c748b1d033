import { MemoryBackplane, MemoryCluster } from 'socket-signal'
import { backplaneSuite } from 'socket-signal-testing'
import { test } from '../tools/test.ts'

backplaneSuite({
  test,
  name: 'memory',
  make: async count => {
    const cluster = new MemoryCluster()
    const nodes = Array.from({ length: count }, () => new MemoryBackplane({ cluster }))
    return { nodes, close: async () => void (await Promise.all(nodes.map(node => node.close()))) }
  }
})
