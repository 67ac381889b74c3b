-- Decides a batch of requests, one after the other. Each is all or nothing.
-- KEYS: the epoch, then one state a check.  ARGV: clock (double; 0 = the server's), checks, limits ...
-- checks: a request is two bytes: number of checks, 1 to only look; a check is limit's index (16 bits), flags (8 bits:
-- 1 charge nothing, 2 cannot ever pass, 4 hold), units (double). Answer: the time, then one answer a check.
local now = clock((unpack_('<d', ARGV[1])))
local checks, limits = ARGV[2], {}
for i = 3, #ARGV do limits[i - 2] = limit_of(ARGV[i], now) end

local out, o, pos, k = { pack('<d', now) }, 1, 1, 1
while pos <= #checks do
  local n, peek
  n, peek, pos = unpack_('<BB', checks, pos)
  if n == 1 then
    local index, flags, units
    index, flags, units, pos = unpack_('<HBd', checks, pos)
    k = k + 1
    local l, key = limits[index + 1], KEYS[k]
    local a, b, c, h, g, m = load(l, key, KEYS[1])
    o = o + 1
    if a then
      local x, y = cost_of(l, units)
      local room = flags < 2 and fits(l, a, b, c, h, g, x, y)
      if room and peek == 0 and flags == 0 then
        a, b, c = charge(l, key, a, b, c, x, y)
        save(l, key, a, b, c, h, g, m)
      end
      out[o] = answer(l, key, room, a, b, c, h, g, x)
    else
      out[o] = BROKEN
    end
  else
    local request
    request, pos = read_request(checks, pos, n, limits, k, KEYS[1])
    if request.room and peek == 0 then commit(request) end
    for i = 1, n do out[o + i] = answer_of(request, i) end
    o, k = o + n, k + n
  end
end
return table.concat(out)
