-- What RedisDecide.lua's library makes: decides a request of n checks that start at pos, and writes its answers after out[o].
-- Returns where the next request starts.
local limits = {}
for i = 3, #ARGV do limits[i - 2] = limit_of(ARGV[i], now) end
return function(checks, pos, n, peek, k, out, o)
  local request
  request, pos = read_request(checks, pos, n, limits, k, KEYS[1])
  if request.room and peek == 0 then commit(request) end
  for i = 1, n do out[o + i] = answer_of(request, i) end
  return pos
end
