import { useEffect } from 'react'
import { openDevices } from 'socket-signal-room'
import { later, useStore } from './store.ts'

/** What `useLocalMedia` shows; the same object until it changes. */
export interface MediaView {
  /** `idle` on a server, before the mount, and where nothing is wanted. */
  status: 'idle' | 'opening' | 'open' | 'failed'
  /** While it is `open`. */
  stream?: MediaStream
  /** As `openDevices` fails: NO_CAMERA, PERMISSION_DENIED, … */
  error?: unknown
}

const NO_MEDIA: MediaView = Object.freeze({ status: 'idle' })

/** Opens camera and microphone while the component is mounted; `false` opens none. Its tracks are stopped behind it. */
export function useLocalMedia(
  constraints: MediaStreamConstraints | false = { audio: true, video: true }
): MediaView {
  const [view, store] = useStore(NO_MEDIA)
  const said = JSON.stringify(constraints)
  useEffect(() => {
    const wanted = JSON.parse(said) as MediaStreamConstraints | false
    if (!wanted) return
    return later(isOver => {
      let stream: MediaStream | undefined
      const stop = () => {
        for (const track of stream?.getTracks() ?? []) track.stop()
      }
      store.set({ status: 'opening' })
      openDevices(wanted).then(
        opened => {
          stream = opened
          if (isOver()) stop()
          else store.set({ status: 'open', stream })
        },
        error => {
          if (!isOver()) store.set({ status: 'failed', error })
        }
      )
      return () => {
        stop()
        store.reset()
      }
    })
  }, [said, store])
  return view
}
