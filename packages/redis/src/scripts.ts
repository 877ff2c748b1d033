import { FORGET, RECALL, REMEMBER, WEIGH } from './history-scripts.ts'
import { type Script, script } from './script.ts'

// Each step that must not be halved is one script. Every key of a script is in one slot, and all are named by KEYS.

/**
 * Renews a node's lease and says itself to its own channel.
 * ARGV: node, lease (ms), channel, message. Gives whether it still had its lease, then names and what is left of each (ms).
 */
export const BEAT = script(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local known = redis.call('ZSCORE', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. (now - 10 * ARGV[2]))
-- So long a lease was given before the clock was set back, and may be a dead node's.
redis.call('ZREMRANGEBYSCORE', KEYS[1], '(' .. (now + 10 * ARGV[2]), '+inf')
redis.call('PEXPIRE', KEYS[1], 20 * ARGV[2])
redis.call('PUBLISH', ARGV[3], ARGV[4])
local answer = { known and tonumber(known) > now and 1 or 0 }
local nodes = redis.call('ZRANGEBYSCORE', KEYS[1], now, '+inf', 'WITHSCORES', 'LIMIT', 0, 4096)
for k = 1, #nodes, 2 do
  answer[#answer + 1] = nodes[k]
  answer[#answer + 1] = nodes[k + 1] - now
end
return answer`)

/** A node ends its lease. ARGV: node. */
export const BYE = script(`return redis.call('ZREM', KEYS[1], ARGV[1])`)

/** Keeps something that was told to all. ARGV: message, how long it is kept (ms). */
export const KEEP = script(`
redis.call('XADD', KEYS[1], 'MAXLEN', 1000, '*', '', ARGV[1])
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`)

/** What was told to all lately. ARGV: since how long ago (ms). */
export const MISSED = script(`
local t = redis.call('TIME')
local from = string.format('%.0f', math.max(t[1] * 1000 + math.floor(t[2] / 1000) - ARGV[1], 0))
local told = {}
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', 1000)) do
  told[#told + 1] = entry[2][2]
end
return told`)

/** Says something to one node. ARGV: channel, message. */
export const RELAY = script(`return redis.call('PUBLISH', ARGV[1], ARGV[2])`)

/**
 * Claims an id. ARGV: node, 'p' (proven) or '-', 'replace' or 'reject', an epoch that may be passed over or '', the own
 * epoch or '' for a new one, how long it is kept (ms), the channels' prefix, what the holder is told but for the epoch,
 * 'a' (away) or '-', how long ago it came (ms) if it came while Redis was away: a proven holder that came later stays.
 * Gives 1 and the epoch; or 0, the holder's node and epoch.
 */
export const CLAIM = script(`
local old = redis.call('GET', KEYS[1])
local t = redis.call('TIME')
local epoch = string.format('%016.0f', t[1] * 1000000 + t[2] - ARGV[10] * 1000)
if old and #old == 30 and string.find(old, '^[0-8]%d+[p-][a-]$', 13) then
  local node, before = string.sub(old, 1, 12), string.sub(old, 13, 28)
  if before ~= ARGV[4] then
    if ARGV[5] ~= '' then
      if before > ARGV[5] then return { 0, node, before } end
    elseif ARGV[2] ~= 'p' or (ARGV[3] == 'reject' and string.sub(old, 29, 30) == 'p-') then
      return { 0, node, before }
    elseif ARGV[10] ~= '0' and string.sub(old, 29, 29) == 'p' and before > epoch then
      return { 0, node, before }
    end
  end
  if ARGV[5] == '' and epoch <= before then epoch = string.format('%016.0f', tonumber(before) + 1) end
  if before ~= ARGV[4] and before ~= ARGV[5] and node ~= ARGV[1] then
    redis.call('PUBLISH', ARGV[7] .. node, ARGV[8] .. (ARGV[5] == '' and epoch or ARGV[5]))
  end
end
if ARGV[5] ~= '' then epoch = ARGV[5] end
redis.call('SET', KEYS[1], ARGV[1] .. epoch .. ARGV[2] .. ARGV[9], 'PX', ARGV[6])
return { 1, epoch }`)

/** Gives an id up, if it is still this session's. ARGV: node and epoch. */
export const DROP = script(`
local old = redis.call('GET', KEYS[1])
if old and string.sub(old, 1, 28) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`)

/** Who holds an id. */
export const HOLDER = script(`return redis.call('GET', KEYS[1])`)

/**
 * Puts members in a topic, or anew, and tells nodes that watch. KEYS: members, nodes. ARGV: node, how long it is kept
 * (ms), the channels' prefix, '1' to tell even of what was there, then for each its entry and what watchers are told.
 * Gives the epochs that stood in the way.
 */
export const ENTER = script(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('ZADD', KEYS[2], now + ARGV[2], 'f' .. ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
local watching = {}
for _, node in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  if string.sub(node, 1, 1) == 'w' and string.sub(node, 2) ~= ARGV[1] then
    watching[#watching + 1] = ARGV[3] .. string.sub(node, 2)
  end
end
local newer = {}
for k = 5, #ARGV, 2 do
  local entry = ARGV[k]
  local id, epoch = string.sub(entry, 1, 32), string.sub(entry, 45, 60)
  local stands, there = '', false
  for _, old in ipairs(redis.call('ZRANGEBYLEX', KEYS[1], '[' .. id, '[' .. id .. '\\127')) do
    local other = string.sub(old, 45, 60)
    if other > epoch and #other == 16 and string.find(other, '^[0-8]%d+$') then
      stands = other
    elseif old == entry then
      there = true
    else
      redis.call('ZREM', KEYS[1], old)
    end
  end
  if stands == '' and (not there or ARGV[4] == '1') then
    redis.call('ZADD', KEYS[1], 0, entry)
    for _, channel in ipairs(watching) do redis.call('PUBLISH', channel, ARGV[k + 1]) end
  end
  newer[#newer + 1] = stands
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return newer`)

/**
 * Takes members out, each only if it is still that session's. KEYS: members, nodes. ARGV: node, '1' if no member of this
 * node is left, the channels' prefix, then for each its id, node and epoch, and what watchers are told.
 */
export const LEAVE = script(`
if ARGV[2] == '1' then redis.call('ZREM', KEYS[2], 'f' .. ARGV[1]) end
local nodes = redis.call('ZRANGE', KEYS[2], 0, -1)
for k = 4, #ARGV, 2 do
  local gone = 0
  local from = '[' .. ARGV[k]
  for _, old in ipairs(redis.call('ZRANGEBYLEX', KEYS[1], from, from .. '\\127')) do
    gone = gone + redis.call('ZREM', KEYS[1], old)
  end
  for _, node in ipairs(gone > 0 and nodes or {}) do
    if string.sub(node, 1, 1) == 'w' and string.sub(node, 2) ~= ARGV[1] then
      redis.call('PUBLISH', ARGV[3] .. string.sub(node, 2), ARGV[k + 1])
    end
  end
end
return 1`)

/** A node begins to watch, or ends. KEYS: nodes. ARGV: node, how long it is kept (ms), or 0. */
export const FOLLOW = script(`
if ARGV[2] == '0' then return redis.call('ZREM', KEYS[1], 'w' .. ARGV[1]) end
local t = redis.call('TIME')
redis.call('ZADD', KEYS[1], t[1] * 1000 + math.floor(t[2] / 1000) + ARGV[2], 'w' .. ARGV[1])
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`)

/** So many members, each as likely as any other. ARGV: how many. */
export const SAMPLE = script(`return redis.call('ZRANDMEMBER', KEYS[1], ARGV[1])`)

/** Members in byte order. ARGV: from, to (as in ZRANGEBYLEX), how many. */
export const WALK = script(`return redis.call('ZRANGEBYLEX', KEYS[1], ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[3])`)

/** Forgets entries, exactly these. */
export const PRUNE = script(`return redis.call('ZREM', KEYS[1], unpack(ARGV))`)

/** Says something to all nodes that have members. KEYS: members, nodes. ARGV: node, prefix, message. Gives how many members. */
export const SPEAK = script(`
for _, node in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  if string.sub(node, 1, 1) == 'f' and string.sub(node, 2) ~= ARGV[1] then
    redis.call('PUBLISH', ARGV[2] .. string.sub(node, 2), ARGV[3])
  end
end
return redis.call('ZCARD', KEYS[1])`)

/** True for the first. ARGV: until when it is kept (ms since 1970). */
export const ONCE = script(`return redis.call('SET', KEYS[1], '', 'NX', 'PXAT', ARGV[1])`)

export const SCRIPTS: readonly Script[] = [
  ...[
    BEAT,
    BYE,
    KEEP,
    MISSED,
    RELAY,
    CLAIM,
    DROP,
    HOLDER,
    ENTER,
    LEAVE,
    FOLLOW,
    SAMPLE,
    WALK,
    PRUNE,
    SPEAK,
    REMEMBER,
    WEIGH,
    FORGET,
    RECALL,
    ONCE
  ]
]
