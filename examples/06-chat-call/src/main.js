// Everybody in the room is called by who comes last: so nobody calls at the same time as who they call.

// Another one each time: a tab that is copied or loaded anew is somebody else to the others.
const me = crypto.randomUUID()
const iceServers = []
const people = new Map()
let socket
let camera

const $ = id => document.getElementById(id)
const say = words => ($('status').textContent = words)

if (!/^#[0-9a-f-]{36}$/i.test(location.hash)) history.replaceState(null, '', `#${crypto.randomUUID()}`)
$('name').value = sessionStorage.name ?? ''

$('join').onsubmit = event => {
  event.preventDefault()
  sessionStorage.name = $('name').value
  join($('name').value)
}
$('leave').onclick = () => leave('You have left.')
$('copy').onclick = async () => {
  await navigator.clipboard.writeText(location.href)
  say('The link is copied.')
}

async function join(name) {
  show(true)
  say('Asking for camera and microphone …')
  const stream = await openCamera()
  // Who has left meanwhile wants neither.
  if ($('inside').hidden) return stop(stream)
  camera = stream
  if (camera) showSelf()
  const query = new URLSearchParams({ user: me, name })
  socket = new WebSocket(`${origin()}/api/chat/realtime/${location.hash.slice(1)}?${query}`)
  socket.onmessage = ({ data }) => onPacket(JSON.parse(data))
  socket.onclose = ({ code }) => leave(`The connection ended (${code}).`)
}

async function openCamera() {
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: true, video: true })
  } catch ({ name }) {
    const why = { NotAllowedError: 'You did not allow it', NotFoundError: 'There is none' }
    say(`No camera: ${why[name] ?? name}. You can watch and listen.`)
  }
}

function showSelf() {
  const tile = addTile('You')
  tile.figure.classList.add('self')
  tile.video.muted = true
  tile.video.srcObject = camera
  people.set(me, { ...tile, close: () => {} })
}

function onPacket({ type, data }) {
  if (type === 'error') return say(data.message)
  if (type === 'webrtc.signal') return onSignal(data).catch(({ message }) => say(message))
  if (type !== 'webrtc') return
  if (data.iceServers) iceServers.splice(0, Infinity, ...data.iceServers)
  if (data.event === 'connected') for (const { id, nick } of data.participants) callUp(id, nick)
  if (data.event === 'left') remove(data.userId)
  const others = [...people.keys()].filter(id => id !== me)
  if (others.length === 0) say('You are alone here. Share the link.')
  else if (data.event === 'left') say(`${data.participant.nick} has left.`)
}

async function callUp(id, nick) {
  const { connection } = meet(id, nick)
  const offer = await connection.createOffer()
  await connection.setLocalDescription(offer)
  send({ type: 'offer', offer, to: id })
}

async function onSignal({ type, data, senderAccountId: id, senderInfo }) {
  const { connection, waiting } = meet(id, senderInfo.nick)
  // A candidate that is early waits for the description.
  if (type === 'ice-candidate' && !connection.remoteDescription) return waiting.push(data.candidate)
  if (type === 'ice-candidate') return connection.addIceCandidate(data.candidate)
  if (type !== 'offer' && type !== 'answer') return
  await connection.setRemoteDescription(data[type])
  for (const candidate of waiting.splice(0)) await connection.addIceCandidate(candidate)
  if (type === 'answer') return
  const answer = await connection.createAnswer()
  await connection.setLocalDescription(answer)
  send({ type: 'answer', answer, to: id })
}

function meet(id, nick) {
  if (people.has(id)) return people.get(id)
  const tile = addTile(nick)
  const connection = new RTCPeerConnection({ iceServers })
  const person = { ...tile, nick, connection, waiting: [], close: () => connection.close() }
  people.set(id, person)
  for (const kind of ['audio', 'video']) {
    const [track] = camera?.getTracks().filter(track => track.kind === kind) ?? []
    if (track) connection.addTrack(track, camera)
    else connection.addTransceiver(kind, { direction: 'recvonly' })
  }
  connection.onicecandidate = ({ candidate }) =>
    candidate && send({ type: 'ice-candidate', candidate, to: id })
  connection.ontrack = ({ streams: [stream] }) => {
    if (stream) tile.video.srcObject = stream
  }
  connection.onconnectionstatechange = () => {
    const { connectionState } = connection
    tile.state.textContent = connectionState === 'connected' ? '' : connectionState
    if (connectionState === 'connected') say(`You are talking with ${talking().join(', ')}.`)
    if (connectionState === 'failed') remove(id)
  }
  tile.state.textContent = 'calling'
  return person
}

function talking() {
  const isOpen = ({ connection }) => connection?.connectionState === 'connected'
  return [...people.values()].filter(isOpen).map(({ nick }) => nick)
}

function send(message) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message))
}

function addTile(name) {
  const figure = $('person').content.firstElementChild.cloneNode(true)
  figure.querySelector('.who').textContent = name
  $('people').append(figure)
  return { figure, video: figure.querySelector('video'), state: figure.querySelector('.state') }
}

function remove(id) {
  const person = people.get(id)
  people.delete(id)
  person?.close()
  person?.figure.remove()
}

function leave(words) {
  for (const id of [...people.keys()]) remove(id)
  // What still comes is for nobody.
  if (socket) socket.onclose = socket.onmessage = null
  socket?.close()
  stop(camera)
  socket = camera = undefined
  show(false)
  say(words)
}

function stop(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop()
}

function show(isInside) {
  $('join').hidden = isInside
  $('inside').hidden = !isInside
}

function origin() {
  return location.origin.replace(/^http/, 'ws')
}
