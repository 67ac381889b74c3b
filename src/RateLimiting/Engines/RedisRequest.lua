-- A request of several checks: read and judged first, then written, so that a denied one consumes nothing. Two checks on one
-- state count together.
local function read_request(checks, pos, n, limits, k, epoch)
  local request, by_key = { room = true }, {}
  for i = 1, n do
    local index, flags, units
    index, flags, units, pos = unpack_('<HBd', checks, pos)
    local l, key = limits[index + 1], KEYS[k + i]
    local check = { l = l, key = key, flags = flags, units = units }
    check.x, check.y = cost_of(l, units)
    local state = by_key[key]
    if not state then
      local a, b, c, h, g, m = load(l, key, epoch, true)
      state = { a = a, b = b, c = c, h = h, g = g, m = m, x = 0, y = 0, l = l, key = key }
      by_key[key] = state
      request[#request + 1] = state
    end
    check.state = state
    if state.a then
      local x, y = held_plus(l, state.x, state.y, check.x, check.y)
      check.room = flags % 4 < 2 and fits(l, state.a, state.b, state.c, state.h, state.g, x, y)
      if flags % 2 == 0 then state.x, state.y = x, y end
    else
      request.broken = true
    end
    request.room = request.room and check.room
    request[-i] = check
  end
  if request.broken then request.room = false end
  return request, pos
end

-- Charges every check; those marked as holds are held under name until expires.
local function commit(request, name, expires)
  local i = 1
  while request[-i] do
    local check = request[-i]
    local s = check.state
    if check.flags % 2 == 0 and check.units > 0 then
      if check.flags >= 4 then
        s.h, s.g = held_plus(check.l, s.h, s.g, check.x, check.y)
        hold(check.l, check.key, 'R' .. name .. '#' .. i, check.units, check.x, check.y, expires)
        if s.m == 0 or expires < s.m then s.m = expires end
      else
        s.a, s.b, s.c = charge(check.l, check.key, s.a, s.b, s.c, check.x, check.y)
      end
    end
    i = i + 1
  end
  for _, s in ipairs(request) do save(s.l, s.key, s.a, s.b, s.c, s.h, s.g, s.m) end
end

local function answer_of(request, i)
  if request.broken then return BROKEN end
  local check = request[-i]
  local s = check.state
  return answer(check.l, check.key, check.room, s.a, s.b, s.c, s.h, s.g, check.x)
end
