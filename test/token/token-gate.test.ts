import { topicFromName } from 'socket-signal'
import { test } from '../tools/test.ts'
import { tokensAndGate } from '../tools/tokens.ts'
import { rejection } from '../tools/wait.ts'
import { makeClient, startServer } from '../tools/websocket.ts'

test('000.21 token gate: a token for one room is refused for another', async t => {
  const { tokens, gate } = tokensAndGate()
  const server = await startServer(t, { authorize: gate.authorize })
  const token = await tokens.mint({ sub: 'ada', topics: [{ name: 'lobby' }], can: ['join', 'publish'] })
  const client = makeClient(t, server.url, { token })
  const [lobby, other] = [await topicFromName('lobby'), await topicFromName('office')]
  t.deepEqual(await client.join(lobby), [])
  await client.publish(lobby, 'hello')
  for (const call of [
    client.join(other),
    client.lookup(lobby),
    client.moderate(lobby, Buffer.alloc(32, 1), {})
  ])
    t.equal((await rejection(call)).code, 'FORBIDDEN')
  const error = await rejection(makeClient(t, server.url).open())
  t.equal(error.code, 'AUTH_REQUIRED')
  t.equal((await rejection(makeClient(t, server.url, { token: `${token}x` }).open())).code, 'TOKEN_INVALID')
})
