import { script } from './script.ts'

/** What a message, and a topic, take beyond frames, about. Unit: bytes. */
const COST = 256

/**
 * Keeps a message of a topic, under the microsecond that it came in or the next one that is free. KEYS: kept, size. ARGV:
 * frame, how many, how long (ms), how many bytes. Gives what the topic weighs then, and that microsecond.
 */
export const REMEMBER = script(`
local t = redis.call('TIME')
local at = t[1] * 1000000 + t[2]
local last = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')
if last[2] and tonumber(last[2]) >= at then at = tonumber(last[2]) + 1 end
local size = tonumber(redis.call('GET', KEYS[2]) or 0) or 0
if not last[2] then size = 0 end
local name = string.format('%016.0f', at)
redis.call('ZADD', KEYS[1], name, name .. ARGV[1])
size = size + #ARGV[1]
local count = redis.call('ZCARD', KEYS[1])
while count > 1 do
  local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
  local isOld = tonumber(first[2]) < at - ARGV[3] * 1000
  if not isOld and count <= tonumber(ARGV[2]) and size <= tonumber(ARGV[4]) then break end
  redis.call('ZREMRANGEBYRANK', KEYS[1], 0, 0)
  size = size - (#first[1] - 16)
  count = count - 1
end
redis.call('SET', KEYS[2], string.format('%.0f', size), 'PX', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return { size + (count + 1) * ${COST}, at }`)

/**
 * Counts what topics weigh. KEYS: topics by when something was kept there last, weights, and under '' that of all. ARGV: how
 * long a topic stays (ms), how many bytes, then for each topic its name, weight (0: it is gone) and time (microseconds). Gives
 * the weight of all, then names and times of topics to forget, of which one stays. They are counted until they are gone.
 */
export const WEIGH = script(`
local t = redis.call('TIME')
local since = t[1] * 1000000 + t[2] - ARGV[1] * 1000
local most = tonumber(ARGV[2])
local function weightOf(name) return tonumber(redis.call('HGET', KEYS[2], name) or 0) or 0 end
local total = weightOf('')
local function drop(name)
  total = total - weightOf(name)
  redis.call('ZREM', KEYS[1], name)
  redis.call('HDEL', KEYS[2], name)
end
for k = 3, #ARGV, 3 do
  local name, weight, at = ARGV[k], tonumber(ARGV[k + 1]), tonumber(ARGV[k + 2])
  if at >= tonumber(redis.call('ZSCORE', KEYS[1], name) or 0) then
    drop(name)
    if weight > 0 then
      redis.call('ZADD', KEYS[1], ARGV[k + 2], name)
      redis.call('HSET', KEYS[2], name, ARGV[k + 1])
      total = total + weight
    end
  end
end
local over = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', since), 'LIMIT', 0, 1000)
for _, name in ipairs(over) do drop(name) end
local topics = redis.call('ZCARD', KEYS[1])
if topics == 0 then
  redis.call('DEL', KEYS[2])
  return { 0 }
end
redis.call('HSET', KEYS[2], '', string.format('%.0f', total))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[1])
local answer, left = { total }, total
local first = redis.call('ZRANGE', KEYS[1], 0, 99, 'WITHSCORES')
for k = 1, 2 * math.min(topics - 1, 100), 2 do
  if left <= most then break end
  left = left - weightOf(first[k])
  answer[#answer + 1] = first[k]
  answer[#answer + 1] = tonumber(first[k + 1])
end
return answer`)

/**
 * Forgets what is kept of a topic, unless something was kept there later. KEYS: kept, size. ARGV: microseconds since 1970.
 * Gives what it weighs then, 0 if it is gone, and when something was kept there last.
 */
export const FORGET = script(`
local last = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')
local at = tonumber(last[2] or ARGV[1])
if at > tonumber(ARGV[1]) then
  return { (tonumber(redis.call('GET', KEYS[2]) or 0) or 0) + (redis.call('ZCARD', KEYS[1]) + 1) * ${COST}, at }
end
redis.call('DEL', KEYS[1], KEYS[2])
return { 0, tonumber(ARGV[1]) }`)

/** The latest messages of a topic, the latest first. KEYS: kept. ARGV: how many, how long ago (ms), bytes, before when (microseconds). */
export const RECALL = script(`
local t = redis.call('TIME')
local since = string.format('%.0f', t[1] * 1000000 + t[2] - ARGV[2] * 1000)
local found, size = {}, 0
local kept = redis.call('ZREVRANGEBYSCORE', KEYS[1], '(' .. ARGV[4], since, 'LIMIT', 0, ARGV[1])
for _, entry in ipairs(kept) do
  size = size + #entry - 16
  if size > tonumber(ARGV[3]) and #found > 0 then break end
  found[#found + 1] = entry
end
return found`)
