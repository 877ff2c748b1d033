import { shareChromium, Tab } from '../tools/browser.ts'
import { readyMade } from '../tools/ready-made.ts'
import { test } from '../tools/test.ts'

const options = { needs: ['chromium' as const], timeout: 60_000 }

test('page: two tabs see each other, connect and talk both ways', options, async t => {
  const [server, browser] = [await readyMade(t), await shareChromium(t)]
  const ada = await Tab.open(browser, server.url, { name: 'Ada' })
  await ada.page.keyboard.type('kitchen table')
  await ada.page.keyboard.press('Enter')
  await ada.page.waitForSelector('.person.you')
  t.equal(
    await ada.text('#alone'),
    'Nobody else is here yet. Open this page in a second tab, or send the link.'
  )
  t.equal(ada.page.url(), `${server.url}#kitchen%20table`, 'the topic is in the link')

  const bob = await Tab.open(browser, ada.page.url(), { name: 'Bob' })
  await Promise.all([ada.sees('Bob'), bob.sees('Ada')])
  t.match(await ada.text('.person.connected .state'), /^Connected in \d+ ms$/)
  t.notOk(await ada.page.isVisible('#alone'))
  await ada.says('hello Bob')
  t.equal(await bob.hears('hello Bob'), 'Ada')
  await bob.says('hello Ada')
  t.equal(await ada.hears('hello Ada'), 'Bob')
  t.deepEqual([...ada.complaints, ...bob.complaints], [])
})

test('page: a third tab joins, one leaves, and the others see it', options, async t => {
  const [server, browser] = [await readyMade(t), await shareChromium(t)]
  const open = (name: string) => Tab.open(browser, `${server.url}#three`, { name })
  const [ada, bob] = [await open('Ada'), await open('Bob')]
  await Promise.all([ada.sees('Bob'), bob.sees('Ada')])
  const carol = await open('Carol')
  await Promise.all([ada.sees('Bob', 'Carol'), bob.sees('Ada', 'Carol'), carol.sees('Ada', 'Bob')])
  await carol.says('hello both')
  t.deepEqual([await ada.hears('hello both'), await bob.hears('hello both')], ['Carol', 'Carol'])
  await bob.close()
  await Promise.all([ada.sees('Carol'), carol.sees('Ada')])
  await ada.page.click('#leave')
  await carol.sees()
  t.ok(await carol.page.isVisible('#alone'), 'the last one is alone')
  t.ok(await ada.page.isVisible('#join-form'), 'who left may join again')
  t.equal(server.signal.stats().connections, 1)
  t.deepEqual([...ada.complaints, ...carol.complaints], [])
})

test('page: a reload comes back as one peer, with its name', options, async t => {
  const [server, browser] = [await readyMade(t), await shareChromium(t)]
  const ada = await Tab.open(browser, `${server.url}#again`, { name: 'Ada' })
  const bob = await Tab.open(browser, `${server.url}#again`, { name: 'Bob' })
  await ada.sees('Bob')
  for (const round of [1, 2]) {
    await bob.page.reload()
    await Promise.all([bob.sees('Ada'), ada.sees('Bob')])
    await bob.says(`round ${round}`)
    t.equal(await ada.hears(`round ${round}`), 'Bob')
  }
  t.equal(server.signal.stats().connections, 2)
})

test('page: names and messages of others are only ever text', options, async t => {
  const [server, browser] = [await readyMade(t), await shareChromium(t)]
  const name = '<img src=x onerror=alert(1)>'
  const ada = await Tab.open(browser, `${server.url}#text`, { name: 'Ada' })
  const eve = await Tab.open(browser, `${server.url}#text`, { name })
  await Promise.all([ada.sees(name), eve.sees('Ada')])
  const text = `<script>alert(1)</script>${'long'.repeat(500)}`
  await eve.says(text)
  t.equal(await ada.hears('<script>'), name)
  t.equal(await ada.page.locator('.log script, .log img, .people img').count(), 0)
  const wide = await ada.page.evaluate(() => document.documentElement.scrollWidth > innerWidth)
  t.notOk(wide, 'a long word wraps')
  t.deepEqual(ada.complaints, [])
})

test('page: a new name reaches who is there and who comes later', options, async t => {
  const [server, browser] = [await readyMade(t), await shareChromium(t)]
  const open = (name: string) => Tab.open(browser, `${server.url}#names`, { name })
  const [ada, bob] = [await open('Ada'), await open('Bob')]
  await Promise.all([ada.sees('Bob'), bob.sees('Ada')])
  await bob.page.click('.person.you button')
  await bob.page.keyboard.type('Robert')
  await bob.page.keyboard.press('Enter')
  await ada.sees('Robert')
  const carol = await open('Carol')
  await carol.sees('Ada', 'Robert')
  t.equal(await bob.text('.person.you .name'), 'Robert')
})

test('page: says that the server is lost, goes on talking, and comes back to it', options, async t => {
  const browser = await shareChromium(t)
  const server = await readyMade(t)
  const { port } = server.signal.address ?? { port: 0 }
  const ada = await Tab.open(browser, `${server.url}#lost`, { name: 'Ada' })
  const bob = await Tab.open(browser, `${server.url}#lost`, { name: 'Bob' })
  await Promise.all([ada.sees('Bob'), bob.sees('Ada')])
  await server.close()
  await ada.page.waitForSelector('.dot.waiting')
  t.match(await ada.text('.server'), /^Reconnecting to /)
  await ada.says('can you still hear me?')
  t.equal(await bob.hears('can you still hear me?'), 'Ada', 'data channels need no server')

  const again = await readyMade(t, { port })
  for (const tab of [ada, bob]) await tab.page.waitForSelector('.dot.good')
  await Promise.all([ada.sees('Bob'), bob.sees('Ada')])
  const carol = await Tab.open(browser, `${again.url}#lost`, { name: 'Carol' })
  await Promise.all([carol.sees('Ada', 'Bob'), ada.sees('Bob', 'Carol')])
  t.match(await ada.text('.server'), /^Connected to /)
})
