-- A message to the window in KEYS[1]: what `exchange` in _core/stored_window.py does, with the clock of the server.
local time, message = redis.call('TIME'), cjson.decode(ARGV[1])
local now, is_reset, ended, wanted = tonumber(ARGV[2]) or time[1] + time[2] / 1e6, message[1], message[2], message[3]
local NEVER, MARGIN, SAME, TRUSTED = -1e15, 1, 1.5, 120
local w = cjson.decode(redis.call('GET', KEYS[1]) or '{"flying": []}')
local function forget()
  w = {flying = w.flying, limit = 0, left = -1, reset = NEVER, ends = NEVER, newest = NEVER, length = 0, trusted = NEVER, paused = NEVER}
end
if is_reset or not w.limit then forget() end
local function drop(till) while w.flying[1] and w.flying[1] <= till do table.remove(w.flying, 1) end end
local function update(sent, at, limit, left, reset, date)
  local ends, same = at + reset - date + MARGIN, math.abs(reset - w.reset) <= SAME
  local newer = w.left < 0 or reset > w.reset + SAME or sent >= w.newest + (w.assumed and 0 or MARGIN)
  if not newer and (w.assumed or not same) then return end
  if left == 0 and same then ends = math.max(ends, at + MARGIN) end
  if ends <= at then return end
  if same and not w.assumed then
    ends, left = at < w.ends and math.min(ends, w.ends) or ends, newer and left or math.min(left, w.left)
  else
    w.reset, w.length = reset, math.min(TRUSTED, math.max(w.length, ends - at))
  end
  w.limit, w.left, w.ends, w.assumed = limit, left, ends, false
  w.newest, w.trusted = math.max(sent, w.newest), at + TRUSTED
  drop(sent - MARGIN)
end
local function delay() -- seconds, and whether only time ends them
  if now < w.paused then return w.paused - now, true end
  if w.left >= 0 then return w.left > #w.flying and 0 or math.min(w.ends, w.trusted) - now, w.left == 0 end
  if w.silent or w.newest == NEVER then return 0, false end
  return w.newest + 0.5 * math.log(#w.flying + 1) / math.log(2) - now, false
end
local function add()
  if w.left < 0 then if w.newest == NEVER then w.newest = now end
  elseif now >= w.ends then
    drop(now - MARGIN)
    w.left, w.ends, w.newest, w.assumed, w.trusted = w.limit, now + w.length, now, true, 1e15
  elseif w.left <= #w.flying then w.trusted = now + 5 end
  table.insert(w.flying, now)
end
for _, e in ipairs(ended) do
  local sent, at, stated = e[1], now - e[2], e[4]
  for i, each in ipairs(w.flying) do if each == sent then table.remove(w.flying, i) break end end
  if stated ~= cjson.null then update(sent, at, unpack(stated))
  elseif e[3] and w.left < 0 then w.silent = true
  elseif e[3] and sent >= w.newest + TRUSTED then forget() end
  w.paused = math.max(w.paused, at + e[5])
end
local granted, seconds, fixed = 0, 0, false
while granted < wanted do
  seconds, fixed = delay()
  if seconds > 0 then break end
  add()
  granted = granted + 1
end
redis.call('SET', KEYS[1], cjson.encode(w), 'EX', 300)
local known = w.left >= 0 and now < w.ends
return cjson.encode({granted, now, math.max(0, seconds), fixed and seconds > 0, w.limit, known and math.max(0, w.left - #w.flying) or -1, known and w.ends - now or -1})
