import { shareChromium, Tab } from '../tools/browser.ts'
import { nodePeer, say } from '../tools/node-peer.ts'
import { readyMade } from '../tools/ready-made.ts'
import { test } from '../tools/test.ts'
import { until } from '../tools/wait.ts'

const options = { needs: ['chromium' as const], timeout: 60_000 }

test('Node and Chromium: the page dials a peer in Node, and they talk', options, async t => {
  const server = await readyMade(t)
  const { client, heard } = await nodePeer(t, server, 'mixed', 'Nora')
  const browser = await shareChromium(t)
  const tab = await Tab.open(browser, `${server.url}#mixed`, { name: 'Ada' })
  await tab.sees('Nora')
  await tab.says('hello Nora')
  await until(() => heard.includes(JSON.stringify({ type: 'text', text: 'hello Nora' })), 'Node hears it', 20)
  const [peer] = client.peersConnected
  t.notOk(peer?.initiator, 'the page made the offer')
  if (peer) say(peer, 'hello Ada')
  t.equal(await tab.hears('hello Ada'), 'Nora')
  await tab.close()
  await until(() => client.peers.length === 0, 'Node sees that the page has gone', 20)
  t.deepEqual(tab.complaints, [])
})

test('Node and Chromium: both dial at once and end with one connection', options, async t => {
  const server = await readyMade(t)
  const { client, topic } = await nodePeer(t, server, 'glare', 'Nora')
  client.on('peer-joined', ({ id }) => {
    client
      .connect(topic, id, { dedupe: true })
      .ready()
      .catch(error => t.fail(`Node's own dial: ${error.message}`))
  })
  const browser = await shareChromium(t)
  const tab = await Tab.open(browser, `${server.url}#glare`, { name: 'Ada' })
  await tab.sees('Nora')
  await until(() => client.peersConnected.length === 1 && client.peersConnecting.length === 0, 'one peer', 20)
  say(client.peersConnected[0] as never, 'only one of us')
  t.equal(await tab.hears('only one of us'), 'Nora')
})
