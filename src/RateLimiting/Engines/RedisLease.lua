-- Renews the leases of one node: charges what each spent, takes back what it returns, grants what it wants as far as there is room.
-- KEYS: the epoch, then one state a lease.  ARGV: clock, lease time (double), leases, limits ...
-- leases: limit's index (16 bits), id (16 bytes), units spent, returned, wanted (doubles).
-- A lease is a hold: used + held never exceed the limit, and a unit is held from before it is spent until it is charged. One that
-- is not renewed is charged whole when it expires, since it may have been spent.
-- Answer: the time, then for each: 1 when the lease was known, units granted, and the state as one answer.
local now = clock((unpack_('<d', ARGV[1])))
local lease_time, leases, limits = unpack_('<d', ARGV[2]), ARGV[3], {}
for i = 4, #ARGV do limits[i - 3] = limit_of(ARGV[i], now) end

local out, o, pos, k = { pack('<d', now) }, 1, 1, 1
while pos <= #leases do
  local index, id, spent, returned, wanted
  index, id, spent, returned, wanted, pos = unpack_('<Hc16ddd', leases, pos)
  k, o = k + 1, o + 1
  local l, key, name = limits[index + 1], KEYS[k], 'L' .. id
  local a, b, c, h, g, m, other = load(l, key, KEYS[1])
  if a then
    local asked = l
    l = other or l
    local units, x, y = let_go(key, name)
    local kept = 0
    if units then
      h, g = held_plus(l, h, g, -x, -y)
      kept = math.max(0, units - spent - returned)
      if spent > 0 then
        x, y = cost_of(l, math.min(spent, units))
        a, b, c = charge(l, key, a, b, c, x, y)
      end
      if kept > 0 then
        x, y = cost_of(l, kept)
        h, g = held_plus(l, h, g, x, y)
      end
    end
    local granted = other and 0 or math.min(wanted, available(l, a, b, c, h, g))
    if granted > 0 and kept > 0 then
      x, y = cost_of(l, kept)
      h, g = held_plus(l, h, g, -x, -y)
    end
    if granted > 0 then
      x, y = cost_of(l, kept + granted)
      h, g = held_plus(l, h, g, x, y)
    end
    if kept + granted > 0 then hold(l, key, name, kept + granted, x, y, now + lease_time) end
    m = first_expiry(key)
    if m == 0 then h, g = 0, 0 end
    save(l, key, a, b, c, h, g, m)
    if other then
      a, b, c = overdrawn(asked, units_of(l, a, b, c), wait_until_at_most(asked.burst, l, key, a, b, c))
      h, g = rehold(asked, key, false)
    end
    out[o] = pack('<Bd', units and 1 or 0, granted) .. answer(asked, key, granted > 0, a, b, c, h, g, 1)
  else
    out[o] = pack('<Bd', 0, 0) .. BROKEN
  end
end
return table.concat(out)
