-- Reserves, once for an id. KEYS: the epoch, the reservation, then one state a check.
-- ARGV: clock, checks (one request), id, expiry (double), weights (a double a check), limits ...
-- The reservation: its beginning, expiry, whether settled, the first call's answer, and key, limit, hold, weight of each held check.
local now = clock((unpack_('<d', ARGV[1])))
local checks, id, limits = ARGV[2], ARGV[3], {}
local expiry = unpack_('<d', ARGV[4])
for i = 6, #ARGV do limits[i - 5] = limit_of(ARGV[i], now) end

local known = redis.call('GET', KEYS[2])
if known then
  local record = cmsgpack.unpack(known)
  if now < record[1] + 2 * record[2] then return record[4] end
end

local n = unpack_('<B', checks)
local request = read_request(checks, 3, n, limits, 2, KEYS[1])
if request.room then commit(request, id, now + expiry) end
local out = { pack('<d', now) }
for i = 1, n do out[i + 1] = answer_of(request, i) end
local result = table.concat(out)
if request.room then
  local record = { now, expiry, 0, result }
  for i = 1, n do
    local check = request[-i]
    if check.flags >= 4 then
      local index = unpack_('<H', checks, 3 + (i - 1) * 11)
      local weight = unpack_('<d', ARGV[5], (i - 1) * 8 + 1)
      record[#record + 1] = { check.key, ARGV[6 + index], 'R' .. id .. '#' .. i, weight }
    end
  end
  redis.call('SET', KEYS[2], cmsgpack.pack(record), 'PX', whole(math.ceil(2 * expiry / 1000) + 1 + limits[1].spare))
end
return result
