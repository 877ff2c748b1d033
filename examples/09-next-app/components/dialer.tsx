import Link from 'next/link'
import { useEffect, useRef, useState } from 'react'
import { SocketSignal } from 'socket-signal-sdk'
import { RouteCredentials, server } from '../lib/credentials'

const credentials = new RouteCredentials('/api/sw-token')

/** A connection for as long as the page is open, and calls over it. */
export default function Dialer({ name, destination }: { name: string; destination: string }) {
  const [client, setClient] = useState<SocketSignal>()
  const [call, setCall] = useState<ReturnType<SocketSignal['dial']>>()
  const [status, setStatus] = useState('connecting')
  const stage = useRef<HTMLDivElement>(null)

  useEffect(() => {
    const opened = new SocketSignal(credentials, { server, name })
    const stops = [
      opened.on('reconnecting', () => setStatus('reconnecting')),
      opened.on('connected', () => setStatus('ready')),
      opened.on('disconnected', ({ error }) =>
        setStatus(error instanceof Error ? error.message : 'disconnected')
      )
    ]
    opened.ready().catch(() => {}) // Told by disconnected.
    setClient(opened)
    return () => {
      for (const stop of stops) stop()
      void opened.disconnect()
    }
  }, [name])

  function dial() {
    const dialed = client?.dial({ destination, rootElement: stage.current })
    dialed?.on('call.state', ({ state, reason }) => {
      setStatus(reason ? `${state}: ${reason}` : state)
      if (state === 'ended') setCall(undefined)
    })
    setCall(dialed)
  }

  return (
    <main className="call">
      <header className="top">
        <h1>Classic</h1>
        <p className="soft" role="status">
          {status}
        </p>
      </header>
      <div ref={stage} className="stage" />
      <footer className="bar">
        {call ? (
          <button type="button" className="danger" onClick={() => call.hangup()}>
            Hang up
          </button>
        ) : (
          <button type="button" className="primary" disabled={status === 'connecting'} onClick={dial}>
            Call {destination}
          </button>
        )}
        <Link href="/" className="button">
          Back
        </Link>
      </footer>
    </main>
  )
}
