-- Ends a reservation. KEYS: the epoch, the reservation.  ARGV: clock, actual cost (double), spare milliseconds (text).
-- The states' keys stand in the reservation; they share its hash tag. Answer: 0 unknown, 1 settled, 2 settled before, 3 late.
local now = clock((unpack_('<d', ARGV[1])))
local actual = unpack_('<d', ARGV[2])
local known = redis.call('GET', KEYS[2])
if not known then return 0 end
local record = cmsgpack.unpack(known)
local expires = record[1] + record[2]
if now >= expires + record[2] then return 0 end
if record[3] == 1 then return 2 end

for i = 5, #record do
  local key, name = record[i][1], record[i][3]
  local l = limit_of(record[i][2], now)
  local a, b, c, h, g, m, other = load(l, key, KEYS[1])
  if a then
    l = other or l
    local units, x, y = let_go(key, name)
    if units then
      h, g = held_plus(l, h, g, -x, -y)
      m = first_expiry(key)
      if m == 0 then h, g = 0, 0 end
    end
    if l.kind < 5 and actual > 0 then
      x, y = cost_of(l, math.min(actual * record[i][4], FAR))
      a, b, c = charge(l, key, a, b, c, x, y)
    end
    save(l, key, a, b, c, h, g, m)
  end
end
record[3] = 1
redis.call('SET', KEYS[2], cmsgpack.pack(record), 'PX', whole(math.max(1, math.ceil((expires + record[2] - now) / 1000)) + 1 + tonumber(ARGV[3])))
return now < expires and 1 or 3
