-- Decides a batch of requests, one after the other. Each is all or nothing.
-- KEYS: the epoch, then one state a check.  ARGV: clock (double; 0 = the server's), checks, limits ...
-- checks: a request is two bytes: number of checks, 1 to only look; a check is limit's index (16 bits), flags (8 bits:
-- 1 charge nothing, 2 cannot ever pass, 4 hold), units (double). Where the number of checks is 0, a run follows instead: number of
-- requests (16 bits), limit's index (16 bits), each request one unit of that one token bucket (never strict, ticks of a microsecond).
-- Answer: the time, then one answer a check, or where a run was decided right here, the short form: 3 no room, 4 room, a, b.
--
-- Runs, nearly all there is, are decided right here: the library behind the other cases (RedisPrelude.lua, RedisRequest.lua) says the
-- same at several times the time, and is not even made when it is not needed; nor is any closure. What costs most is each call from Lua into the server, so
-- a run's states come by one MGET, and a state that keeps its expiry gets only its a and b written over.
local pack, unpack_, sub, floor, call, keys = struct.pack, struct.unpack, string.sub, math.floor, redis.call, KEYS
local spread = table.unpack or unpack
local now = unpack_('<d', ARGV[1])
if now == 0 then
  local t = call('TIME')
  now = tonumber(t[1]) * 1000000 + tonumber(t[2])
end

local checks, limits, decide = ARGV[2], {}, nil
local out, o, pos, k = { pack('<d', now) }, 1, 1, 1
local length = #checks
while pos <= length do
  local n, peek, count = unpack_('<BB', checks, pos)
  if n > 0 then
    decide = decide or library(now)
    pos = decide(checks, pos + 2, n, peek, k, out, o)
    o, k = o + n, k + n
  else
    local index
    count, index, pos = unpack_('<HH', checks, pos + 1)
    local l = limits[index]
    if not l then
      local _, _, period, _, modulus, _, bq, br, _, spare, _, at = unpack_('<Bdddddddddd', ARGV[index + 3])
      local sig = sub(ARGV[index + 3], at) .. '|'
      l = { sig, x = floor(period / modulus), period = period, modulus = modulus, bq = bq, br = br, spare = spare }
      limits[index] = l
    end
    local sig, x, modulus, bq, br = l[1], l.x, l.modulus, l.bq, l.br
    local y = l.period - x * modulus
    local at = #sig
    local size, form = at + 24, '<c' .. at .. 'ddd'
    -- A state's c is when it is to be prolonged, a second before its key expires: by a minute's spare, so that most writes need not.
    local last = now + bq + 60000000
    local values, seen
    if count > 1 then values, seen = call('MGET', spread(keys, k + 1, k + count)), {} end
    for i = 1, count do
      local key, v, done = keys[k + 1], nil, nil
      if not seen or seen[key] then v = redis.pcall('GET', key) else v = values[i] end
      if seen then seen[key] = true end
      if not v then
        -- Fresh, and so with room; or no string, which MGET does not tell from nothing: that is not written over.
        local state = pack('<dd', now + x, y)
        l.ttl = l.ttl or string.format('%.0f', floor(bq / 1000) + 61000 + l.spare)
        if call('SET', key, sig .. state .. pack('<d', last), 'PX', l.ttl, 'NX') then done, v = '\4', state end
      elseif #v == size then
        local s, a, b, c = unpack_(form, v)
        if s == sig then
          if a < now then a, b = now, 0 end
          local w, f = a + x, b + y
          if f >= modulus then w, f = w + 1, f - modulus end
          local over, part = w - bq, f - br
          if part < 0 then over, part = over - 1, part + modulus end
          if over < now or (over == now and part == 0) then
            done, v = '\4', pack('<dd', w, f)
            if w < c then
              call('SETRANGE', key, at, v)
            else
              l.ttl = l.ttl or string.format('%.0f', floor(bq / 1000) + 61000 + l.spare)
              call('SET', key, sig .. v .. pack('<d', last), 'PX', l.ttl)
            end
          else
            done, v = '\3', pack('<dd', a, b)
          end
        end
      end
      if done then
        out[o + 1], out[o + 2] = done, v
        o = o + 2
      else
        decide = decide or library(now)
        decide(pack('<HBd', index, 0, 1), 1, 1, 0, k, out, o)
        o = o + 1
      end
      k = k + 1
    end
  end
end
return table.concat(out)
