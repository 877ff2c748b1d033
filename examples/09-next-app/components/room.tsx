'use client'

import Link from 'next/link'
import { useEffect, useRef } from 'react'
import { useRoom } from 'socket-signal-sdk/react'
import { RouteCredentials, server } from '../lib/credentials'

// One for all renders, so that a room is joined once.
const credentials = new RouteCredentials('/api/token')

/** Imported as any component is: the sdk does nothing where pages are rendered. */
export function Room({ name, devices }: { name: string; devices: boolean }) {
  const options = { credentials, server, name, room: 'lobby', audio: devices, video: devices }
  const { status, members, state, session, reason, error } = useRoom(options)
  const streams = Object.values(state?.streams ?? {})
  const self = members.find(({ isLocal }) => isLocal)
  return (
    <main className="call">
      <header className="top">
        <h1>Lobby</h1>
        <p className="soft" role="status">
          {status === 'joined' ? `${members.length} here` : (reason ?? status)}
        </p>
      </header>
      {error !== undefined && <Trouble error={error} />}
      <ul className="grid">
        {members.map(member => {
          const stream = streams.find(({ participantId }) => participantId === member.id)
          return (
            <li key={member.id} className="tile" data-talking={member.isTalking || undefined}>
              <Picture audio={stream?.audioTrack} video={stream?.videoTrack} muted={member.isLocal} />
              <p>
                {member.name}
                {member.isLocal && ' (you)'}
                {member.isAway && ' · away'}
                {member.audioMuted && ' · silent'}
              </p>
            </li>
          )
        })}
      </ul>
      <footer className="bar">
        {devices && self && status === 'joined' && (
          <>
            <button
              type="button"
              aria-pressed={self.audioMuted}
              onClick={() => session?.setSending({ audio: self.audioMuted })}
            >
              {self.audioMuted ? 'Unmute' : 'Mute'}
            </button>
            <button
              type="button"
              aria-pressed={self.videoMuted}
              onClick={() => session?.setSending({ video: self.videoMuted })}
            >
              {self.videoMuted ? 'Camera on' : 'Camera off'}
            </button>
          </>
        )}
        <Link href="/" className="button danger">
          Leave
        </Link>
      </footer>
    </main>
  )
}

function Picture({ audio, video, muted }: PictureProps) {
  const element = useRef<HTMLVideoElement>(null)
  // In an effect and never as a prop: a server has no MediaStream to render.
  useEffect(() => {
    const tracks = [audio, video].filter(track => track !== undefined)
    if (element.current) element.current.srcObject = tracks.length > 0 ? new MediaStream(tracks) : null
  }, [audio, video])
  return <video ref={element} autoPlay playsInline muted={muted} hidden={!video} />
}

interface PictureProps {
  audio: MediaStreamTrack | undefined
  video: MediaStreamTrack | undefined
  muted: boolean
}

function Trouble({ error }: { error: unknown }) {
  return (
    <p className="trouble" role="alert">
      {error instanceof Error ? error.message : String(error)}{' '}
      <Link href="/room?watch">Join without devices</Link>
    </p>
  )
}
