-- A node's heartbeat: says what it was asked for lately, and learns how many nodes live and what all of them were asked for.
-- KEYS: live nodes (sorted set by end of life), demand of all by name (sorted set), this node's demand by name (hash).
-- ARGV: clock, life (double), node, prefix of the nodes' hashes, then name, units ...
-- Answer: live nodes as text, then name, units ... of the most wanted names.
local now = clock((unpack_('<d', ARGV[1])))
local life = unpack_('<d', ARGV[2])
local node, prefix = ARGV[3], ARGV[4]

local function forget_node(name)
  local last = redis.call('HGETALL', prefix .. name)
  for i = 1, #last, 2 do redis.call('ZINCRBY', KEYS[2], '-' .. last[i + 1], last[i]) end
  redis.call('DEL', prefix .. name)
end

for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', whole(now), 'LIMIT', '0', '100')) do
  forget_node(gone)
  redis.call('ZREM', KEYS[1], gone)
end
forget_node(node)
for i = 5, #ARGV, 2 do
  redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1])
  redis.call('ZINCRBY', KEYS[2], ARGV[i + 1], ARGV[i])
end
redis.call('ZADD', KEYS[1], whole(now + life), node)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '0')
-- Nothing here is counted on after all nodes are gone; a day bounds what a shut-down fleet leaves behind.
redis.call('PEXPIRE', KEYS[1], whole(DAY))
redis.call('PEXPIRE', KEYS[2], whole(DAY))
redis.call('PEXPIRE', KEYS[3], whole(DAY))
local answer_ = { whole(redis.call('ZCARD', KEYS[1])) }
for _, v in ipairs(redis.call('ZREVRANGE', KEYS[2], '0', '255', 'WITHSCORES')) do answer_[#answer_ + 1] = v end
return answer_
