import { Chat } from './chat.ts'
import { byId } from './dom.ts'
import { checkRow, reason } from './explained.ts'
import { inventName, MAX_NAME } from './names.ts'
import { People } from './people.ts'
import { setToken, setTopicOfPlace, token, topicOfPlace } from './place.ts'
import { type Person, Room } from './room.ts'

const NAME = 'socket-signal-name'

const welcome = byId('welcome')
const joinForm = byId<HTMLFormElement>('join-form')
const topicInput = byId<HTMLInputElement>('topic')
const tokenInput = byId<HTMLInputElement>('token')
const nameInput = byId<HTMLInputElement>('name')
const roomSection = byId('room')
const problem = byId('problem')
const copy = byId('copy')

let room: Room | undefined
let others: Person[] = []
// Of this tab alone: two tabs of one person are two people here.
let name = sessionStorage.getItem(NAME) ?? inventName()

const people = new People({ onretry: id => room?.retry(id), onrename: rename })
const chat = new Chat(you, text => room?.send(text) ?? 0)

joinForm.addEventListener('submit', event => {
  event.preventDefault()
  const topic = topicInput.value.trim()
  if (!topic || !nameInput.value.trim()) return
  setName(nameInput.value)
  setToken(tokenInput.value)
  setTopicOfPlace(topic)
  void show()
})
byId('leave').addEventListener('click', () => {
  setTopicOfPlace('')
  void show()
})
byId('home').addEventListener('click', event => {
  event.preventDefault()
  setTopicOfPlace('')
  void show()
})
byId('again').addEventListener('click', () => void show())
byId('check').addEventListener('click', () => void check())
byId('checked').addEventListener('click', () => (byId('checks').hidden = true))
copy.addEventListener('click', () => void copyLink())
addEventListener('hashchange', () => void show())
addEventListener('popstate', () => void show())
// The others should see at once that this tab went, not when a network times out.
addEventListener('pagehide', () => void room?.close())
addEventListener('pageshow', event => event.persisted && location.reload())
void show()

/** Shows what the address says: the room of its topic, or the form. */
async function show(): Promise<void> {
  const before = room
  room = undefined
  await before?.close()
  const topic = topicOfPlace()
  welcome.hidden = topic !== ''
  roomSection.hidden = topic === ''
  document.title = topic ? `${topic} · socket-signal` : 'socket-signal'
  if (topic) await enter(topic)
  else showForm()
}

function showForm(): void {
  showServer('', 'Not connected')
  nameInput.value = name
  topicInput.value = ''
  tokenInput.value = token()
  topicInput.focus()
}

async function enter(topic: string): Promise<void> {
  const entered = new Room(topic, name, {
    onpeople: list => {
      others = list
      people.show(you(), others)
    },
    onmessage: (person, text) => chat.message(person, text),
    onnews: (person, news) => chat.news(`${person.name} ${news}`),
    onserver: showState,
    onproblem: ({ sentence, tryThis }) => showProblem(sentence, tryThis)
  })
  room = entered
  others = []
  problem.hidden = true
  byId('checks').hidden = true
  people.clear()
  chat.clear()
  byId('room-title').textContent = topic
  try {
    await entered.open()
    if (room === entered) people.show(you(), others)
    if (room === entered && matchMedia('(hover: hover)').matches) chat.focus()
  } catch (error) {
    if (room === entered) showState('closed', (error as Error).message)
  }
}

function you(): { id: Uint8Array; name: string } {
  return { id: room?.id ?? new Uint8Array(32), name }
}

function rename(given: string): void {
  setName(given)
  people.show(you(), others)
  room
    ?.rename(name)
    .catch(error => chat.news(`The new name could not be told to everybody: ${error.message}`))
}

function setName(given: string): void {
  name = given.trim().slice(0, MAX_NAME)
  sessionStorage.setItem(NAME, name)
}

function showState(
  state: 'connecting' | 'connected' | 'reconnecting' | 'closed',
  words = 'the connection was closed'
): void {
  if (state === 'connecting') showServer('waiting', 'Connecting', ` to ${location.host}`)
  if (state === 'connected') showServer('good', 'Connected', ` to ${location.host}`)
  if (state === 'reconnecting') showServer('waiting', 'Reconnecting', ` to ${location.host}`)
  if (state === 'closed') showServer('bad', 'Not connected')
  if (state === 'connected') problem.hidden = true
  if (state === 'closed' && problem.hidden) showProblem(`The server can’t be used: ${words}.`)
}

function showProblem(sentence: string, tryThis = ''): void {
  problem.hidden = false
  byId('problem-text').replaceChildren(...reason({ sentence, tryThis }).childNodes)
}

async function check(): Promise<void> {
  const list = byId('check-list')
  const button = byId<HTMLButtonElement>('check')
  const asked = room
  button.disabled = true
  const checks = (await asked?.check()) ?? []
  button.disabled = false
  if (room !== asked) return
  list.replaceChildren(...checks.map(checkRow))
  byId('checks').hidden = false
}

function showServer(mark: string, text: string, host = ''): void {
  byId('server-dot').className = `dot ${mark}`
  byId('server-text').textContent = text
  byId('server-host').textContent = host
}

async function copyLink(): Promise<void> {
  const done = await write(location.href)
  const label = done ? 'Copied' : 'Copy it from the address bar'
  copy.textContent = label
  byId('copied').textContent = done ? 'The link is in the clipboard.' : label
  setTimeout(() => {
    copy.textContent = 'Copy link'
    byId('copied').textContent = ''
  }, 2000)
}

/** Without https the clipboard is closed to pages; the older way still works there. */
async function write(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    const area = document.createElement('textarea')
    area.value = text
    document.body.append(area)
    area.select()
    const done = document.execCommand('copy')
    area.remove()
    copy.focus()
    return done
  }
}
