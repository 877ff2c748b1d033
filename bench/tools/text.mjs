const LINES = [
  'v=0',
  'o=- 4611731400430051336 2 IN IP4 127.0.0.1',
  's=-',
  't=0 0',
  'a=group:BUNDLE 0',
  'm=application 9 UDP/DTLS/SCTP webrtc-datachannel',
  'c=IN IP4 0.0.0.0',
  'a=candidate:1467250027 1 udp 2122260223 192.168.0.196 46243 typ host generation 0 network-id 1',
  'a=ice-ufrag:4ZcD',
  'a=ice-pwd:2/1muCWoOi3uLifh0NuRHlik',
  'a=fingerprint:sha-256 7B:8B:F0:65:5F:78:E2:51:3B:AC:6F:F3:3F:46:1B:35:DC:B8:5F:64:1A:24:C2:43',
  'a=setup:actpass',
  'a=mid:0',
  'a=sctp-port:5000'
]

/** Text as session descriptions hold it, of so many bytes once it is a JSON string. */
export function sdp(size) {
  const text = LINES.join('\r\n').repeat(Math.ceil(size / 300))
  let length = text.length
  while (JSON.stringify(text.slice(0, length)).length > size) length--
  return text.slice(0, length)
}

/** A message of about 1 kB, which is `SIZE` for every system: makes it with a text, whose length it finds. */
export const SIZE = 1000
export function filled(make) {
  const empty = Buffer.byteLength(make(''))
  return make(sdp(SIZE - empty + 2))
}
