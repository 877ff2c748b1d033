import type { Change } from './machine.ts'
import type { Kind, Tracks } from './types.ts'

/** What a call gave as tracks, in one shape. Throws a `TypeError` for what is none. */
export function readTracks({ audio, video }: Tracks = {}): Change {
  const options = video && !isTrack(video) ? video : undefined
  const picture = options ? options.track : (video as MediaStreamTrack | null | undefined)
  return {
    audio: assertTrack(audio, 'audio'),
    video: assertTrack(picture, 'video'),
    simulcast: options?.options?.enableSimulcast
  }
}

function isTrack(value: object): value is MediaStreamTrack {
  return 'kind' in value
}

function assertTrack(
  track: MediaStreamTrack | null | undefined,
  kind: Kind
): MediaStreamTrack | null | undefined {
  if (track && Object(track).kind !== kind)
    throw new TypeError(`${kind} must be a track of that kind, or null`)
  return track
}
