import { Call } from './call.ts'
import { byId, icon } from './dom.ts'
import { Grid } from './grid.ts'
import { Lobby } from './lobby.ts'
import { Panel } from './panel.ts'

let call: Call | undefined
const grid = new Grid(shown => call?.subscribe(shown))
const panel = new Panel({
  onsay: async text => call?.say(text),
  onkick: id => call?.kick(id),
  oncensor: (id, kind, on) => call?.censor(id, kind, on)
})
const lobby = new Lobby(guest => {
  byId('call').hidden = false
  const own = new Call(guest, grid, panel, problem => {
    call = undefined
    grid.clear()
    panel.clear()
    void lobby.show(problem)
  })
  call = own
  own.start()
})

const TOOLS = {
  mic: { key: 'm', icon: 'mic', run: () => call?.toggle('audio') },
  cam: { key: 'v', icon: 'cam', run: () => call?.toggle('video') },
  screen: { key: 's', icon: 'screen', run: () => call?.share() },
  'open-chat': { key: 'c', icon: 'chat', run: () => panel.toggle('chat') },
  'open-people': { key: 'p', icon: 'people', run: () => panel.toggle('people') },
  leave: { key: '', icon: 'leave', run: () => call?.leave() }
} as const

for (const [id, { icon: name, run }] of Object.entries(TOOLS)) {
  byId(id).prepend(icon(name))
  byId(id).addEventListener('click', run)
}
addEventListener('keydown', event => {
  if (event.key === 'Escape') panel.close()
  const typing = event.target instanceof HTMLElement && event.target.matches('input, select, textarea')
  // A key that is held down says so once.
  if (!call || typing || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return
  const tool = Object.values(TOOLS).find(({ key }) => key === event.key.toLowerCase())
  if (!tool) return
  event.preventDefault() // So that the letter does not land in the chat that it opens.
  tool.run()
})
byId('copy').addEventListener('click', async () => {
  await navigator.clipboard.writeText(location.href).catch(() => {}) // The address is still in its bar.
  byId('copy').textContent = 'Copied'
  setTimeout(() => (byId('copy').textContent = 'Copy link'), 2000)
})
// Nothing to share with on most phones.
byId('screen').hidden = !navigator.mediaDevices?.getDisplayMedia
void lobby.show()
