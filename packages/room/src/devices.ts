import { SignalError } from 'socket-signal/errors'

/** What getUserMedia and getDisplayMedia fail with (W3C Media Capture, 10.3), under codes of ours. */
const CODES: { readonly [name: string]: readonly [code: string, words: string] } = {
  NotFoundError: ['NO_DEVICE', 'there is no such device'],
  OverconstrainedError: ['NO_DEVICE', 'no device can do that'],
  NotAllowedError: ['PERMISSION_DENIED', 'the user, or the page, does not allow it'],
  SecurityError: ['PERMISSION_DENIED', 'the page does not allow it'],
  NotReadableError: ['DEVICE_IN_USE', 'the device is there, and something else has it'],
  AbortError: ['DEVICE_IN_USE', 'the device could not be started']
}

/** Camera and microphone. Rejects with NO_CAMERA, NO_MICROPHONE, NO_DEVICE, PERMISSION_DENIED, DEVICE_IN_USE, UNSUPPORTED. */
export async function openDevices(
  constraints: MediaStreamConstraints = { audio: true, video: true }
): Promise<MediaStream> {
  const { mediaDevices } = platform()
  try {
    return await mediaDevices.getUserMedia(constraints)
  } catch (cause) {
    throw await named(cause, constraints, mediaDevices)
  }
}

/** A screen, a window or a tab, as the user chooses. Rejects with PERMISSION_DENIED, NO_DEVICE, DEVICE_IN_USE, UNSUPPORTED. */
export async function openScreen(
  constraints: DisplayMediaStreamOptions = { video: true }
): Promise<MediaStream> {
  const { mediaDevices } = platform()
  if (!mediaDevices.getDisplayMedia) throw unsupported()
  try {
    return await mediaDevices.getDisplayMedia(constraints)
  } catch (cause) {
    throw await named(cause, {}, mediaDevices)
  }
}

function platform(): { mediaDevices: MediaDevices } {
  const { navigator } = globalThis as { navigator?: { mediaDevices?: MediaDevices } }
  if (!navigator?.mediaDevices?.getUserMedia) throw unsupported()
  return navigator as { mediaDevices: MediaDevices }
}

function unsupported(): SignalError {
  return new SignalError(
    'UNSUPPORTED',
    'no devices here: browsers give them to pages over https or of localhost alone'
  )
}

async function named(
  cause: unknown,
  { audio, video }: MediaStreamConstraints,
  devices: MediaDevices
): Promise<unknown> {
  const [code, words] = CODES[String((cause as Error)?.name)] ?? []
  if (!code || !words) return cause
  if (code !== 'NO_DEVICE') return new SignalError(code, words, { cause })
  const there = await devices.enumerateDevices().catch(() => [])
  const lacks = (kind: string) => !there.some(device => device.kind === kind)
  if (video && lacks('videoinput')) return new SignalError('NO_CAMERA', 'there is no camera', { cause })
  if (audio && lacks('audioinput'))
    return new SignalError('NO_MICROPHONE', 'there is no microphone', { cause })
  return new SignalError(code, words, { cause })
}
