import type { Events } from 'socket-signal-room'

/** All events of a room that tell of somebody, or of its own end: all but `state_changed` and `network_metrics_report`. */
export const EVENTS = [
  'connected',
  'disconnected',
  'participant_joined',
  'participant_leaving',
  'participant_left',
  'stream_published',
  'stream_unpublished',
  'track_enabled',
  'track_disabled',
  'track_censored',
  'track_uncensored',
  'audio_activity',
  'subscription_started',
  'subscription_reconfigured',
  'subscription_ended',
  'message_received'
] as const satisfies (keyof Events)[]
