package seatlock

import "github.com/redis/go-redis/v9"

// Scripts end what a transaction has begun. They need no WATCH because they
// decide inside Redis, in one round trip.
//
// KEYS: lock, purchasing, purchase, user's list, seats ...
// ARGV of the first three: open field, held value, bought value, lock id,
// transaction, floor ms, keep ms.
var (
	acceptedScript = redis.NewScript(`
redis.call('HDEL', KEYS[1], ARGV[1])
if redis.call('HGET', KEYS[1], 'state') == 'purchasing' then
  redis.call('HSET', KEYS[1], 'state', 'accepted')
end
return 1`)

	unknownScript = redis.NewScript(`
if redis.call('HGET', KEYS[1], 'state') == 'purchasing' then
  redis.call('HSET', KEYS[1], 'unknown', '1')
end
redis.call('HDEL', KEYS[1], ARGV[1])
return 1`)

	refusedScript = redis.NewScript(`
local mine = redis.call('HDEL', KEYS[1], ARGV[1])
local rec = {}
local flat = redis.call('HGETALL', KEYS[1])
for i = 1, #flat, 2 do
  if string.sub(flat[i], 1, 5) == 'open:' then return 0 end
  rec[flat[i]] = flat[i + 1]
end
if mine == 0 or rec.state ~= 'purchasing' or rec.unknown == '1' then return 0 end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local left = math.max(tonumber(rec.expires) - now, tonumber(ARGV[6]))
for i = 5, #KEYS do
  if redis.call('GET', KEYS[i]) == ARGV[3] then redis.call('SET', KEYS[i], ARGV[2], 'PX', left) end
end
redis.call('HSET', KEYS[1], 'state', 'locked', 'expires', string.format('%.0f', now + left))
redis.call('PEXPIRE', KEYS[1], left + ARGV[7])
redis.call('ZREM', KEYS[2], ARGV[4])
redis.call('DEL', KEYS[3])
redis.call('SREM', KEYS[4], ARGV[5])
return 1`)

	// settleScript needs no record. ARGV: state, held, bought, lock id,
	// transaction, keep ms, list keep ms, sold value, reason, user, event,
	// seats, amount, accepted at ms.
	settleScript = redis.NewScript(`
for i = 5, #KEYS do
  if ARGV[1] == 'confirmed' then
    redis.call('SET', KEYS[i], ARGV[8])
  else
    local v = redis.call('GET', KEYS[i])
    if v == ARGV[2] or v == ARGV[3] then redis.call('DEL', KEYS[i]) end
  end
end
redis.call('HSETNX', KEYS[1], 'created', ARGV[14])
redis.call('HSETNX', KEYS[1], 'expires', ARGV[14])
redis.call('HSET', KEYS[1], 'state', ARGV[1], 'reason', ARGV[9], 'user', ARGV[10], 'event', ARGV[11], 'seats', ARGV[12], 'amount', ARGV[13])
redis.call('PEXPIRE', KEYS[1], ARGV[6])
redis.call('SET', KEYS[3], ARGV[4], 'PX', ARGV[6])
redis.call('SADD', KEYS[4], ARGV[5])
redis.call('PEXPIRE', KEYS[4], ARGV[7])
redis.call('ZREM', KEYS[2], ARGV[4])
return 1`)

	// abandonScript frees nothing that was accepted or tried again since. ARGV:
	// bought value, lock id, score, keep ms.
	abandonScript = redis.NewScript(`
local state = redis.call('HGET', KEYS[1], 'state')
local since = redis.call('ZSCORE', KEYS[2], ARGV[2])
if state and (state ~= 'purchasing' or not since or tonumber(since) > tonumber(ARGV[3])) then return 0 end
for i = 5, #KEYS do
  if redis.call('GET', KEYS[i]) == ARGV[1] then redis.call('DEL', KEYS[i]) end
end
if state then
  redis.call('HSET', KEYS[1], 'state', 'abandoned')
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
end
redis.call('ZREM', KEYS[2], ARGV[2])
return 1`)
)
