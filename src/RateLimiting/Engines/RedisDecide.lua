-- Decides a batch of requests, one after the other. Each is all or nothing.
-- KEYS: the epoch, then one state a check.  ARGV: clock (double; 0 = the server's), checks, limits ...
-- checks: a request is two bytes: number of checks, 1 to only look; a check is limit's index (16 bits), flags (8 bits:
-- 1 charge nothing, 2 cannot ever pass, 4 hold), units (double). Answer: the time, then one answer a check, or where a bucket
-- was decided right here, the short form: 3 no room, 4 room, a, b.
--
-- One unit of one token bucket without holds, nearly all there is, is decided right here: the library behind the other cases
-- (RedisPrelude.lua, RedisRequest.lua) says the same at twice the time, and is not even made when it is not needed.
local pack, unpack_, sub, call, pcall_ = struct.pack, struct.unpack, string.sub, redis.call, redis.pcall
local now = unpack_('<d', ARGV[1])
if now == 0 then
  local t = call('TIME')
  now = tonumber(t[1]) * 1000000 + tonumber(t[2])
end

local checks, limits, kit = ARGV[2], {}, nil
for i = 3, #ARGV do
  local kind, _, period, _, modulus, unit, bq, br, _, spare, lost, pos = unpack_('<Bdddddddddd', ARGV[i])
  local sig = sub(ARGV[i], pos) .. '|'
  local x = math.floor(period / modulus)
  limits[i - 2] = {
    -- A state's c is when its key expires. It is prolonged by a minute's spare, so that most writes keep it, at half the price.
    fast = kind == 1 and unit == 1 and lost == 0, last = bq + 60000000,
    ttl = string.format('%.0f', math.floor(bq / 1000) + 60002 + spare),
    sig = sig, siglen = #sig, size = #sig + 24, x = x, y = period - x * modulus, bq = bq, br = br, modulus = modulus, packed = ARGV[i],
  }
end

local function shape(i)
  local l = limits[i]
  if not l.whole then l.whole = kit.limit_of(l.packed, now) end
  return l.whole
end

local out, o, pos, k = { pack('<d', now) }, 1, 1, 1
local size = #checks
while pos <= size do
  local n, peek, index, flags, units, first = unpack_('<BBHBd', checks, pos)
  local l, key, done = limits[index + 1], KEYS[k + 1], false
  if n == 1 and l.fast and peek + flags == 0 and units == 1 then
    local v = pcall_('GET', key)
    local a, b, c
    if not v then
      a, b, c = now, 0, 0
    elseif type(v) == 'string' and #v == l.size and sub(v, 1, l.siglen) == l.sig then
      a, b, c = unpack_('<ddd', v, l.siglen + 1)
      if a < now then a, b = now, 0 end
    end
    if a then
      local w, f = a + l.x, b + l.y
      if f >= l.modulus then w, f = w + 1, f - l.modulus end
      local over, part = w - l.bq, f - l.br
      if part < 0 then over, part = over - 1, part + l.modulus end
      o = o + 1
      if over < now or (over == now and part == 0) then
        if w < c then
          call('SET', key, l.sig .. pack('<ddd', w, f, c), 'KEEPTTL')
        else
          call('SET', key, l.sig .. pack('<ddd', w, f, now + l.last), 'PX', l.ttl)
        end
        out[o] = pack('<Bdd', 4, w, f)
      else
        out[o] = pack('<Bdd', 3, a, b)
      end
      pos, k, done = first, k + 1, true
    end
  end
  if not done then
    kit = kit or library()
    local request
    local whole = {}
    for i = 1, #limits do whole[i] = shape(i) end
    request, pos = kit.read_request(checks, pos + 2, n, whole, k, KEYS[1])
    if request.room and peek == 0 then kit.commit(request) end
    for i = 1, n do out[o + i] = kit.answer_of(request, i) end
    o, k = o + n, k + n
  end
end
return table.concat(out)
