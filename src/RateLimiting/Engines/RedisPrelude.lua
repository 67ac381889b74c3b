-- State of one limit for one key, shared by every script of the Redis engine.
--
-- A state is one string: SIGNATURE '|' three little-endian doubles a b c, then h g m when something is held.
-- The signature is 'kind/permits/period/burst/unit' of the limit that wrote it, so that a changed limit is seen and the state
-- rescaled, whichever node has which version of the rules. Beside it, under the same hash tag:
--   KEY..':l'  list of a sliding log's admissions, each two doubles: time, units admitted up to and with it
--   KEY..':h'  sorted set of holds by expiry; a hold's name is 'R' (reservation) or 'L' (lease) and its id
--   KEY..':n'  hash of hold to three doubles: units, and what they count for: x y
--
--   kind              a                b               c                h, g: held
--   1 token bucket    arrival, ticks   its fraction    key's expiry     ticks, fraction
--   2 fixed window    window's start   units           -                units
--   3 sliding counter sub-window       newest counts   older counts     units
--   4 sliding log     units ever       units gone      last admission   units
--   5 concurrency     -                -               -                units
--   m: when the first hold expires
--
-- A sliding counter's sub-windows are numbered from the Unix epoch; a is the newest with a count. Its n + 1 counts are digits of base 2^bits, the
-- newest half in b, the others in c, the newer the lower. What they weigh: SlidingWindowCounter.cs.
-- Times are whole microseconds (the token bucket's in ticks of unit microseconds: 1, more only for bursts of decades), fractions are
-- whole parts of 1/modulus of a tick. All stay under 2^53, so that doubles are exact, and none passes through tostring, which rounds.
-- The generic cell rate algorithm: ITU-T I.371. Runs on Lua 5.1 (Redis, Valkey) and 5.4 (Garnet).
local pack, unpack_, floor, format = struct.pack, struct.unpack, math.floor, string.format
local FAR = 2 ^ 52
local DAY = 86400000

local function whole(n) return format('%.0f', n) end

local function clock(given)
  if given > 0 then return given end
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000000 + tonumber(t[2])
end

-- n * p / m as whole and rest, exact for n, p < 2^53 and m <= 2^52: by doubling where the product would round.
local function multiply_divide(n, p, m)
  local product = n * p
  if product < 2 ^ 53 then
    local q = floor(product / m)
    local r = product - q * m
    if r < 0 then q, r = q - 1, r + m elseif r >= m then q, r = q + 1, r - m end
    return q, r
  end
  local pq = floor(p / m)
  local pr = p - pq * m
  local q, r, bit = 0, 0, 2 ^ 52
  while bit >= 1 do
    q, r = q + q, r + r
    if r >= m then q, r = q + 1, r - m end
    if n >= bit then
      n, q, r = n - bit, q + pq, r + pr
      if r >= m then q, r = q + 1, r - m end
    end
    bit = bit / 2
  end
  return q, r
end

-- A limit as the client packed it; now is in its own ticks.
local function limit_of(packed, now)
  local kind, permits, period, burst, modulus, unit, bq, br, n, spare, lost, pos = unpack_('<Bdddddddddd', packed)
  return {
    kind = kind, permits = permits, period = period, burst = burst, modulus = modulus, unit = unit, bq = bq, br = br, n = n,
    spare = spare, lost = lost, sig = string.sub(packed, pos) .. '|', siglen = #packed - pos + 2,
    now = unit == 1 and now or floor(now / unit), us = now,
  }
end

-- What units count for in a limit's state.
local function cost_of(l, units)
  if l.kind == 1 then return multiply_divide(units, l.period, l.modulus) end
  return units, 0
end

local function held_plus(l, h, g, x, y)
  h, g = h + x, g + y
  if l.kind == 1 then
    if g >= l.modulus then h, g = h + 1, g - l.modulus elseif g < 0 then h, g = h - 1, g + l.modulus end
  end
  return h, g
end

-- A sliding counter's numbers: sub-windows a period (l.n), counts in b (l.h), a count's greatest and one (l.base).
local function divided(l)
  if l.base then return l end
  if not l.n then
    local bits = 7
    while 2 ^ bits <= l.permits do bits = bits + 1 end
    l.n = math.min(floor(63 / bits) - 1, l.period)
  end
  l.h = floor((l.n + 1) / 2)
  l.base = 2 ^ math.min(floor(63 / (l.n + 1)), 31)
  return l
end

-- The sub-window of a moment, and how much of it has passed, of which it has l.period.
local function sub_window(l, t)
  local phase = t % l.period * divided(l).n
  local part = floor(phase / l.period)
  return floor(t / l.period) * l.n + part, phase - part * l.period
end

local function start_of(l, a)
  local n = divided(l).n
  return floor(a / n) * l.period + math.ceil(a % n * l.period / n)
end

-- The counts, the newest first, and back.
local function counts_of(l, b, c)
  local counts, rest = {}, b
  for i = 1, divided(l).n + 1 do
    if i == l.h + 1 then rest = c end
    counts[i] = rest % l.base
    rest = floor(rest / l.base)
  end
  return counts
end

local function packed_counts(l, counts)
  local b, c = 0, 0
  for i = l.h, 1, -1 do b = b * l.base + counts[i] end
  for i = l.n + 1, l.h + 1, -1 do c = c * l.base + counts[i] end
  return b, c
end

-- Moves every count so many sub-windows back; the oldest are dropped.
local function age(l, b, c, by)
  if by > divided(l).n then return 0, 0 end
  local counts = counts_of(l, b, c)
  for i = l.n + 1, 1, -1 do counts[i] = counts[i - by] or 0 end
  return packed_counts(l, counts)
end

-- The units of all sub-windows but the oldest, and the oldest's.
local function whole_and_oldest(l, b, c)
  local counts, sum = counts_of(l, b, c), 0
  for i = 1, l.n do sum = sum + counts[i] end
  return sum, counts[l.n + 1]
end

-- What a sliding counter's counts weigh now: the oldest by the part of it that is still within the period, to the nearest unit.
local function weight(l, a, b, c)
  local sum, oldest = whole_and_oldest(l, b, c)
  if oldest == 0 then return sum end
  local current, passed = sub_window(l, l.us)
  local q, r = multiply_divide(oldest, current < a and l.period or l.period - passed, l.period)
  return sum + q + (2 * r > l.period and 1 or 0)
end

-- Charges x, y at this moment, with room or without.
local function charge(l, key, a, b, c, x, y)
  local kind = l.kind
  if kind == 1 then
    a, b = a + x, b + y
    if b >= l.modulus then a, b = a + 1, b - l.modulus end
    if a > l.now + FAR then a, b = l.now + FAR, 0 end
  elseif kind == 2 then
    b = math.min(b + x, FAR)
  elseif kind == 3 then
    -- Debt beyond a count's greatest counts as that: the window is full either way.
    b = b + math.min(x, divided(l).base - 1 - b % l.base)
  elseif kind == 4 and x > 0 then
    a = a + x
    if c < l.now then c = l.now end
    redis.call('RPUSH', key .. ':l', pack('<dd', c, a))
    redis.call('PEXPIRE', key .. ':l', whole(floor((c - l.now + l.period) / 1000) + 2 + l.spare))
  end
  return a, b, c
end

-- When strict, a state that is absent may have been lost with the server: since this database was first used, EPOCH, plus the time
-- for which leases from before may still be spent (l.lost), the limit counts as used up at that moment.
local function absent(l, key, epoch)
  if l.lost == 0 or l.kind == 5 then return 0, 0, 0 end
  local since = redis.call('GET', epoch)
  if not since then
    since = whole(l.us)
    redis.call('SET', epoch, since)
  end
  local full = tonumber(since) + l.lost
  if l.kind == 1 then return floor(full / l.unit) + 1 + l.bq, l.br, 0 end
  if l.kind == 3 then return sub_window(l, full), l.permits, 0 end
  if l.kind == 2 then return full - full % l.period, l.permits, 0 end
  if l.us - l.period >= full then return 0, 0, 0 end
  return charge(l, key, 0, 0, full, l.permits, 0)
end

-- Brings a state to this moment. A clock that stepped back changes nothing: time only stands still until it has caught up.
local function advance(l, a, b, c)
  local kind = l.kind
  if kind == 1 then
    if a < l.now then return l.now, 0, c end
  elseif kind == 2 then
    local start = l.now - l.now % l.period
    if a < start then return start, 0, 0 end
  elseif kind == 3 then
    local current = sub_window(l, l.us)
    if a < current then return current, age(l, b, c, current - a) end
  end
  return a, b, c
end

-- The first entry of a log whose time (value 1) or units (value 2) are over the bound, by bisection; nil when none is.
local function first_over(list, value, bound)
  local low, high = 0, redis.call('LLEN', list)
  local size = high
  while low < high do
    local middle = floor((low + high) / 2)
    local t, n = unpack_('<dd', redis.call('LINDEX', list, whole(middle)))
    if (value == 1 and t or n) > bound then high = middle else low = middle + 1 end
  end
  if low == size then return nil, size end
  return low, size
end

-- Drops a log's admissions that left the window.
local function forget(l, key, a, b, c)
  local list, cutoff = key .. ':l', l.us - l.period
  local first = redis.call('LINDEX', list, '0')
  if not first then return a, a, c end
  local t = unpack_('<dd', first)
  if t > cutoff then return a, b, c end
  local keep, size = first_over(list, 1, cutoff)
  local _, gone = unpack_('<dd', redis.call('LINDEX', list, whole((keep or size) - 1)))
  redis.call('LTRIM', list, whole(keep or size), '-1')
  return a, gone, c
end

local function first_expiry(key)
  local first = redis.call('ZRANGE', key .. ':h', '0', '0', 'WITHSCORES')
  return #first > 0 and tonumber(first[2]) or 0
end

local function hold(l, key, name, units, x, y, expires)
  redis.call('ZADD', key .. ':h', whole(expires), name)
  redis.call('HSET', key .. ':n', name, pack('<ddd', units, x, y))
  redis.call('PEXPIRE', key .. ':h', whole(2 * DAY + l.spare))
  redis.call('PEXPIRE', key .. ':n', whole(2 * DAY + l.spare))
end

-- Ends one hold and returns its units, x, y; nil when it is gone.
local function let_go(key, name)
  local entry = redis.call('HGET', key .. ':n', name)
  if not entry then return nil end
  redis.call('HDEL', key .. ':n', name)
  redis.call('ZREM', key .. ':h', name)
  local units, x, y = unpack_('<ddd', entry)
  return units, x, y
end

-- Ends the holds that expired: a reservation's returns, a lease's is charged, since its units may have been spent.
local function release(l, key, a, b, c, h, g)
  for _, name in ipairs(redis.call('ZRANGEBYSCORE', key .. ':h', '-inf', whole(l.us), 'LIMIT', '0', '500')) do
    local units, x, y = let_go(key, name)
    if units then
      h, g = held_plus(l, h, g, -x, -y)
      if string.sub(name, 1, 1) == 'L' then a, b, c = charge(l, key, a, b, c, x, y) end
    else
      redis.call('ZREM', key .. ':h', name)
    end
  end
  local m = first_expiry(key)
  if m == 0 then h, g = 0, 0 end
  return a, b, c, h, g, m
end

-- The limit as another version of it wrote its name into a state; nil when that is no name.
local function limit_of_state(v, l)
  local name, kind, permits, period, burst, unit = string.match(v, '^((%d+)/(%d+)/(%d+)/(%d+)/(%d+)|)')
  if not name then return nil end
  kind, permits, period, burst, unit = tonumber(kind), tonumber(permits), tonumber(period), tonumber(burst), tonumber(unit)
  local old = {
    kind = kind, permits = permits, period = period, burst = burst, modulus = permits, unit = unit, spare = l.spare, lost = l.lost,
    sig = name, siglen = #name, now = unit == 1 and l.us or floor(l.us / unit), us = l.us,
  }
  if kind == 1 then old.modulus = permits * unit end
  return old
end

-- Units that a bucket's state stands for: whole ones, and the rest in parts of 1/period of a unit.
local function bucket_units(l, a, b)
  local units, rest = multiply_divide(math.max(0, a - l.now), l.modulus, l.period)
  rest = rest + b
  return math.min(units + floor(rest / l.period), FAR), rest % l.period
end

-- Units that a state stands for, rounded up. It has been brought to this moment.
local function units_of(l, a, b, c)
  local kind = l.kind
  if kind == 1 then
    local units, rest = bucket_units(l, a, b)
    return units + (rest > 0 and 1 or 0)
  elseif kind == 2 then
    return b
  elseif kind == 3 then
    return weight(l, a, b, c)
  elseif kind == 4 then
    return a - b
  end
  return 0
end

-- Microseconds until a state stands for at most so many units, fewer than it does now, if nothing is added.
local function wait_until_at_most(units, l, key, a, b, c)
  local kind, period = l.kind, l.period
  if kind == 1 then
    local q, r = multiply_divide(units, period, l.modulus)
    return (a - l.now - q + (b > r and 1 or 0)) * l.unit
  elseif kind == 2 then
    return a + period - l.us
  elseif kind == 3 then
    local sum, oldest = whole_and_oldest(l, b, c)
    while sum > units do
      a, b, c = a + 1, age(l, b, c, 1)
      sum, oldest = whole_and_oldest(l, b, c)
    end
    if sum + oldest <= units then return start_of(l, a) - l.us end
    local q, r = multiply_divide(period, a % l.n * 2 * oldest + 2 * (sum + oldest - units) - 1, 2 * oldest * l.n)
    return floor(a / l.n) * period + q + (r > 0 and 1 or 0) - l.us
  end
  local i = first_over(key .. ':l', 2, a - units - 1)
  if not i then return c + period - l.us end
  local t = unpack_('<dd', redis.call('LINDEX', key .. ':l', whole(i)))
  return t + period - l.us
end

-- How a state that has no room for anything until the wait is over looks under a limit. To be answered, not to be saved.
local function overdrawn(l, used, wait)
  local open = l.us + math.max(1, math.min(wait, FAR))
  if l.kind == 1 then return math.ceil(open / l.unit) + l.bq, l.br, 0 end
  -- A log's own admissions are then all older than what is asked for (log_retry).
  if l.kind == 4 then return FAR + used, FAR, open - l.period end
  if l.kind == 3 then return sub_window(l, open), l.permits, 0 end
  return open - l.period, used, 0
end

-- What is held, counted in the terms of a changed limit.
local function rehold(l, key, write)
  local h, g = 0, 0
  local entries = redis.call('HGETALL', key .. ':n')
  for i = 1, #entries, 2 do
    local units = unpack_('<d', entries[i + 1])
    local x, y = cost_of(l, units)
    if write then redis.call('HSET', key .. ':n', entries[i], pack('<ddd', units, x, y)) end
    h, g = held_plus(l, h, g, x, y)
  end
  return h, g
end

-- Units used as if just now; more than a window admits, for as many windows as they would have taken.
local function used_now(l, key, used, rest_of, rest)
  local a, b, c = advance(l, 0, 0, 0)
  if used == 0 then return a, b, c end
  local later = floor((used - 1) / l.permits) * l.period
  if l.kind == 2 then return math.min(a + later, a + FAR), used, 0 end
  if l.kind == 3 then return a + floor(math.min(later, FAR) / l.period) * l.n, math.min(used, l.base - 1), 0 end
  if l.kind == 4 then return charge(l, key, 0, 0, l.us + math.min(later, FAR), used, 0) end
  -- A bucket's used units stay so to the fraction, rounded up.
  local x, y = cost_of(l, used - (rest > 0 and 1 or 0))
  if rest > 0 then
    local q, r = multiply_divide(rest, l.period, rest_of)
    y = y + q + (r > 0 and 1 or 0)
    x, y = x + floor(y / l.modulus), y % l.modulus
  end
  return charge(l, key, a, b, c, x, y)
end

-- A sliding counter's state in the sub-windows of a limit of the same period: a count moves to that in which its own ends, or the current one.
-- So none is forgotten before its time, and changes to and fro keep none beyond the end of its period and another one.
local function moved(old, l, a, b, c)
  if divided(old).n == divided(l).n then return a, b, c end
  a, b, c = advance(old, a, b, c)
  local newest = math.max(sub_window(l, l.us), (sub_window(l, start_of(old, a))))
  local counts = {}
  for i = 1, l.n + 1 do counts[i] = 0 end
  for i, count in ipairs(counts_of(old, b, c)) do
    local number = a - i + 1
    local target = floor(number / old.n) * l.n + floor(((number % old.n + 1) * l.n - 1) / old.n)
    local at = newest - math.min(newest, target) + 1
    counts[at] = math.min(counts[at] + count, l.base - 1)
  end
  return newest, packed_counts(l, counts)
end

-- Takes over a state that another version of the limit wrote: what was used stays used, neither forgotten nor multiplied. Where more is
-- used than the limit ever admits and the old version lets go of it sooner, the state stays the old version's until then: to look at, it
-- is answered as without room (true at the end); else it comes in the terms of the old version (the end), which go on counting.
local function rescale(l, key, v, look)
  local old = limit_of_state(v, l)
  if not old then return nil end
  local a, b, c = unpack_('<ddd', v, old.siglen + 1)
  local h, g, m = 0, 0, 0
  if #v - old.siglen > 24 then h, g, m = unpack_('<ddd', v, old.siglen + 25) end
  if old.kind ~= l.kind or (l.kind ~= 5 and (l.kind == 1 or old.period ~= l.period)) then
    a, b, c = advance(old, a, b, c)
    if old.kind == 4 then a, b, c = forget(old, key, a, b, c) end
    local used = units_of(old, a, b, c)
    local excess = l.kind == 5 and 0 or math.max(0, used - l.burst)
    if excess > 0 then
      local wait = wait_until_at_most(l.burst, old, key, a, b, c)
      if wait < excess * l.period / l.permits then
        if not look then return a, b, c, h, g, m, old end
        a, b, c = overdrawn(l, used, wait)
        if m > 0 then h, g = rehold(l, key, false) end
        return a, b, c, h, g, 0, true
      end
    end
    if old.kind ~= 4 or l.kind ~= 4 or excess > 0 then
      local rest = 0
      if old.kind == 1 then used, rest = units_of(old, a, b, c), select(2, bucket_units(old, a, b)) end
      if old.kind == 4 then redis.call('DEL', key .. ':l') end
      a, b, c = used_now(l, key, used, old.period, l.kind == 1 and rest or 0)
    end
  elseif l.kind == 3 then
    a, b, c = moved(old, l, a, b, c)
  end
  if m > 0 then h, g = rehold(l, key, true) end
  return a, b, c, h, g, m
end

-- Writes a state with the time after which it equals a fresh one: one command, so that no state is ever immortal.
local function save(l, key, a, b, c, h, g, m)
  local kind, ttl = l.kind, 0
  if kind == 1 then
    ttl = floor((a - l.now) * l.unit / 1000)
  elseif kind == 2 then
    ttl = floor((a + l.period - l.us) / 1000)
  elseif kind == 3 then
    ttl = floor((start_of(l, a + l.n + 1) - l.us) / 1000)
  elseif kind == 4 then
    ttl = floor((c + l.period - l.us) / 1000)
  end
  if m > 0 then
    redis.call('SET', key, l.sig .. pack('<dddddd', a, b, c, h, g, m), 'PX', whole(math.max(ttl, 0) + 2 * DAY + l.spare))
  elseif kind == 5 then
    redis.call('DEL', key)
  else
    -- A bucket's c keeps no promise here: the next decision writes its own.
    if kind == 1 then c = 0 end
    redis.call('SET', key, l.sig .. pack('<ddd', a, b, c), 'PX', whole(math.max(ttl, 0) + 2 + l.spare))
  end
end

-- Reads a state and brings it to this moment. Nil: the key holds something that is no state. At the end, the limit in whose terms it comes
-- and must be saved, where that is another version; for a mere look, true where there is no room and nothing to be saved (rescale).
local function load(l, key, epoch, look)
  local v = redis.pcall('GET', key)
  local a, b, c, h, g, m = 0, 0, 0, 0, 0, 0
  local changed, other = false, nil
  if not v then
    a, b, c = absent(l, key, epoch)
    changed = l.kind == 4 and a > 0
  elseif type(v) == 'table' then
    return nil
  elseif string.sub(v, 1, l.siglen) == l.sig then
    a, b, c = unpack_('<ddd', v, l.siglen + 1)
    if #v - l.siglen > 24 then h, g, m = unpack_('<ddd', v, l.siglen + 25) end
  else
    a, b, c, h, g, m, other = rescale(l, key, v, look)
    if not a then return nil end
    if other == true then return a, b, c, h, g, m, other end
    l, changed = other or l, true
  end
  a, b, c = advance(l, a, b, c)
  if l.kind == 4 and a > b then
    local before = b
    a, b, c = forget(l, key, a, b, c)
    changed = changed or b ~= before
  end
  if m > 0 and m <= l.us then
    a, b, c, h, g, m = release(l, key, a, b, c, h, g)
    changed = true
  end
  -- What was dropped beside the state must never be counted again, so it is written at once, for a mere look too.
  if changed then save(l, key, a, b, c, h, g, m) end
  return a, b, c, h, g, m, other
end

-- Whether x, y more would fit beside what is used and held.
local function fits(l, a, b, c, h, g, x, y)
  local kind = l.kind
  if kind == 1 then
    local w, f = a + x + h - l.bq, b + y + g - l.br
    if f < 0 then w, f = w - 1, f + l.modulus end
    while f >= l.modulus do w, f = w + 1, f - l.modulus end
    return w < l.now or (w == l.now and f == 0)
  elseif kind == 2 then
    return b + x + h <= l.permits
  elseif kind == 3 then
    return weight(l, a, b, c) + x + h <= l.permits
  elseif kind == 4 then
    return a - b + x + h <= l.permits
  end
  return h + x <= l.permits
end

-- The units that would fit.
local function available(l, a, b, c, h, g)
  local kind = l.kind
  if kind == 1 then
    local q, r = l.now - a - h + l.bq, l.br - b - g
    while r < 0 do q, r = q - 1, r + l.modulus end
    if q < 0 then return 0 end
    local units, rest = multiply_divide(q, l.modulus, l.period)
    return units + floor((rest + r) / l.period)
  elseif kind == 2 then
    return math.max(0, l.permits - b - h)
  elseif kind == 3 then
    return math.max(0, l.permits - weight(l, a, b, c) - h)
  elseif kind == 4 then
    return math.max(0, l.permits - (a - b) - h)
  end
  return math.max(0, l.permits - h)
end

-- When a log has room for x again: the admission that must leave first; 0 when waiting never helps.
local function log_retry(l, key, a, b, c, h, x)
  local over = a - b + x + h - l.permits
  if over <= 0 or x + h > l.permits then return 0 end
  local i = first_over(key .. ':l', 2, b + over - 1)
  if not i then return c + l.period end
  local t = unpack_('<dd', redis.call('LINDEX', key .. ':l', whole(i)))
  return t + l.period
end

-- One check's answer: 0 no room, 1 room, 2 broken; the state; for a log without room, when it has some again.
local function answer(l, key, room, a, b, c, h, g, x)
  local later = 0
  if l.kind == 4 then
    if not room then later = log_retry(l, key, a, b, c, h, x) end
    a, b = a - b, 0
  end
  return pack('<Bdddddd', room and 1 or 0, a, b, c, h, g, later)
end
local BROKEN = pack('<Bdddddd', 2, 0, 0, 0, 0, 0, 0)
