import type { Page } from 'playwright-core'
import { type Contexts, launchChromium, MEDIA_FLAGS, shareChromium } from '../tools/browser.ts'
import { mintAt, project, readyMade } from '../tools/ready-made.ts'
import { test } from '../tools/test.ts'

const options = { needs: ['chromium' as const], timeout: 90_000 }

async function enter(browser: Contexts, url: string, name: string, token = ''): Promise<Page> {
  const page = await (await browser.newContext()).newPage()
  await page.goto(url)
  await page.fill('#name', name)
  await page.fill('#room-name', 'studio')
  if (token) await page.locator('summary').click()
  if (token) await page.fill('#token', token)
  await page.press('#name', 'Enter')
  await page.waitForSelector('.tile')
  return page
}

/** Waits until pictures of so many people move. */
async function sees(page: Page, count: number): Promise<void> {
  await page.waitForFunction(count => {
    const videos = [...document.querySelectorAll<HTMLVideoElement>('.tile:not(.empty) video')]
    return videos.length === count && videos.every(video => video.videoWidth > 0 && video.currentTime > 0.2)
  }, count)
}

/** Waits until so many others can be heard; oneself never. */
async function hears(page: Page, count: number): Promise<void> {
  await page.waitForFunction(count => {
    const sounds = [...document.querySelectorAll('audio')]
    return sounds.length === count && sounds.every(({ paused, currentTime }) => !paused && currentTime > 0.2)
  }, count)
}

test(
  'room page: a lobby, pictures that move, chat, mute by key, and who leaves is gone',
  options,
  async t => {
    const server = await readyMade(t)
    const browser = await shareChromium(t, MEDIA_FLAGS)
    const ada = await enter(browser, `${server.url}room`, 'Ada')
    t.equal(new URL(ada.url()).pathname, '/room/')
    t.equal(new URL(ada.url()).hash, '#studio', 'the room is in the link')
    const bob = await enter(browser, `${server.url}room/#studio`, 'Bob')
    await Promise.all([sees(ada, 2), sees(bob, 2), hears(ada, 1), hears(bob, 1)])
    await bob.keyboard.press('c')
    await bob.fill('#message', 'hello <b>Ada</b>')
    await bob.press('#message', 'Enter')
    await ada.locator('#unread', { hasText: '1' }).waitFor()
    await ada.keyboard.press('c')
    await ada.locator('#log li', { hasText: 'hello <b>Ada</b>' }).waitFor()
    await ada.keyboard.press('Escape')
    await bob.keyboard.press('Escape')
    await bob.keyboard.press('m')
    await ada.locator('.tile', { hasText: 'Bob' }).locator('.mark', { hasText: 'muted' }).waitFor()
    await hears(ada, 0)
    await bob.keyboard.press('v')
    await sees(ada, 1)
    await bob.keyboard.press('v')
    await sees(ada, 2)
    await bob.click('#leave')
    await ada.locator('#status', { hasText: 'Nobody else is here' }).waitFor()
    t.ok(await bob.isVisible('#lobby'))
    t.equal(await ada.locator('.tile').count(), 1)
  }
)

test('room page: a screen is shared beside the camera, once, and ends', options, async t => {
  const server = await readyMade(t)
  const browser = await shareChromium(t, MEDIA_FLAGS)
  const ada = await enter(browser, `${server.url}room`, 'Ada')
  const bob = await enter(browser, `${server.url}room/#studio`, 'Bob')
  await Promise.all([sees(ada, 2), sees(bob, 2)])
  await ada.click('#screen')
  await sees(bob, 3)
  const width = async (of: string) => (await bob.locator(of).first().boundingBox())?.width ?? 0
  t.ok((await width('.tile.screen')) > 2 * (await width('.tile.mirrored')), 'a screen is larger than faces')
  t.equal(await ada.getAttribute('#screen', 'aria-pressed'), 'true')
  // Off, on, and off again, faster than any of it can be done.
  for (let times = 0; times < 3; times++) await ada.click('#screen')
  await sees(bob, 2)
  t.equal(await ada.getAttribute('#screen', 'aria-pressed'), 'false')
  t.notOk(await ada.isVisible('#problem'))
})

test('room page: a moderator mutes, hides and removes; who has no token for it may not', options, async t => {
  const server = await readyMade(t, { tokens: { project } })
  const mint = (...can: string[]) =>
    mintAt(server, '/tokens', {
      topics: [{ name: 'studio' }],
      can: ['join', 'lookup', 'offer', 'signal', 'publish', ...can]
    })
  const browser = await shareChromium(t, MEDIA_FLAGS)
  const ada = await enter(browser, `${server.url}room/`, 'Ada', await mint('moderate'))
  const bob = await enter(browser, `${server.url}room/`, 'Bob', await mint())
  await Promise.all([sees(ada, 2), sees(bob, 2)])
  const act = async (page: Page, name: string, words: string) => {
    if (!(await page.isVisible('#people'))) await page.keyboard.press('p')
    await page.locator('#people li', { hasText: name }).locator('summary').click()
    await page.getByRole('button', { name: words }).click()
  }
  await bob.keyboard.press('p')
  await bob.locator('#people li', { hasText: 'Ada' }).waitFor()
  t.equal(await bob.locator('#people summary').count(), 0, 'who may not is offered nothing')
  await act(ada, 'Bob', 'Mute for everybody')
  await bob
    .locator('.tile', { hasText: 'Bob (you)' })
    .locator('.mark', { hasText: 'muted by a moderator' })
    .waitFor()
  await act(ada, 'Bob', 'Hide for everybody')
  await sees(ada, 1)
  await act(ada, 'Bob', 'Remove from the room')
  await bob.locator('#lobby-problem', { hasText: 'A moderator has removed you' }).waitFor()
  t.equal(await ada.locator('.tile').count(), 1)
})

test(
  'room page: blanks are no room, another link is, a key that is held down counts once, a camera that is pulled out is off',
  options,
  async t => {
    const server = await readyMade(t)
    const browser = await shareChromium(t, MEDIA_FLAGS)
    const page = await (await browser.newContext()).newPage()
    const complaints: string[] = []
    page.on('pageerror', error => complaints.push(String(error)))
    // As where cookies are forbidden.
    await page.addInitScript(() =>
      Object.defineProperty(globalThis, 'localStorage', {
        get() {
          throw new DOMException('it is to keep nothing', 'SecurityError')
        }
      })
    )
    await page.goto(`${server.url}room/`)
    await page.fill('#name', ' Ada ')
    await page.fill('#room-name', '   ')
    await page.click('#enter')
    await page.waitForFunction(() => !document.querySelector<HTMLInputElement>('#room-name')?.value)
    t.ok(await page.isVisible('#lobby'))
    await page.goto(`${server.url}room/#studio`)
    await page.waitForFunction(
      () => document.querySelector<HTMLInputElement>('#room-name')?.value === 'studio'
    )
    await page.click('#enter')
    await sees(page, 1)
    t.equal(await page.locator('.tile .name').textContent(), 'Ada (you)')
    await page.keyboard.down('m')
    for (let times = 0; times < 3; times++) await page.keyboard.down('m')
    await page.keyboard.up('m')
    await page.locator('#mic[aria-pressed="false"]').waitFor()
    await page.waitForTimeout(500)
    t.equal(await page.getAttribute('#mic', 'aria-pressed'), 'false')
    await page.evaluate(() => {
      const media = document.querySelector<HTMLVideoElement>('.tile video')?.srcObject as MediaStream | null
      const [track] = media?.getTracks() ?? []
      track?.dispatchEvent(new Event('ended'))
    })
    await page.locator('#cam[aria-pressed="false"]').waitFor()
    await page.keyboard.press('v')
    await sees(page, 1)
    t.same(complaints, [])
  }
)

test(
  'room page: what was not sent may be sent again, and who floods the chat fills no page',
  options,
  async t => {
    const browser = await shareChromium(t, MEDIA_FLAGS)
    const strict = await readyMade(t, { messageBurst: 1, messageRate: 0.01 })
    const ada = await enter(browser, `${strict.url}room`, 'Ada')
    await ada.keyboard.press('c')
    for (const text of ['one', 'two']) {
      await ada.fill('#message', text)
      await ada.press('#message', 'Enter')
    }
    await ada.locator('#problem').waitFor()
    t.equal(await ada.inputValue('#message'), 'two')
    t.same(await ada.locator('#log li.own p').allTextContents(), ['one'])

    const loose = await readyMade(t, { messageBurst: 1000, frameBurst: 2000 })
    const [bob, cid] = [
      await enter(browser, `${loose.url}room`, 'Bob'),
      await enter(browser, `${loose.url}room`, 'Cid')
    ]
    await Promise.all([sees(bob, 2), sees(cid, 2)])
    await cid.evaluate(() => {
      const input = document.querySelector<HTMLInputElement>('#message')
      for (let count = 1; count <= 520; count++) {
        if (input) input.value = `flood ${count}`
        document.querySelector<HTMLFormElement>('#composer')?.requestSubmit()
      }
    })
    await bob.locator('#log li', { hasText: 'flood 520' }).waitFor({ state: 'attached' })
    t.equal(await bob.locator('#log li').count(), 500)
    t.equal(await bob.locator('#log li:not(#silent) p').first().textContent(), 'flood 22')
  }
)

test(
  'room page: who loses the server sees so, goes on seeing the others, and comes back',
  options,
  async t => {
    const browser = await shareChromium(t, MEDIA_FLAGS)
    const server = await readyMade(t)
    const { port } = server.signal.address ?? { port: 0 }
    const [ada, bob] = [
      await enter(browser, `${server.url}room/`, 'Ada'),
      await enter(browser, `${server.url}room/`, 'Bob')
    ]
    await Promise.all([sees(ada, 2), sees(bob, 2)])
    await server.close()
    await ada.locator('#status', { hasText: 'Reconnecting to the server' }).waitFor()
    const decoded = () =>
      ada.evaluate(() => {
        const video = document.querySelector<HTMLVideoElement>('.tile:not(.mirrored) video')
        return video?.getVideoPlaybackQuality().totalVideoFrames ?? 0
      })
    const before = await decoded()
    await ada.waitForTimeout(1000)
    t.ok((await decoded()) > before, 'pictures need no server')
    await readyMade(t, { port })
    await ada.locator('#status', { hasText: '2 here' }).waitFor()
    await Promise.all([sees(ada, 2), sees(bob, 2)])
  }
)

test(
  'room page: who has no camera and no microphone is told so, and joins all the same',
  options,
  async t => {
    const server = await readyMade(t)
    const browser = await launchChromium(t)
    const page = await (await browser.newContext()).newPage()
    await page.goto(`${server.url}room/#studio`)
    await page.locator('#lobby-problem', { hasText: /There is no camera|may not use it/ }).waitFor()
    await page.fill('#name', 'Ada')
    await page.click('#enter')
    await page.locator('.tile.empty', { hasText: 'Ada (you)' }).waitFor()
    t.pass('with a face in place of a picture')
  }
)
