-- A message to the window in KEYS[1]: what `exchange` in _core/stored_window.py does, on the clock of the server.
local time, message = redis.call('TIME'), cjson.decode(ARGV[1])
local operations, wanted, now = message[1], message[2], tonumber(ARGV[2]) or time[1] + time[2] / 1e6
local NEVER, FOREVER, MARGIN, LONGEST, null = -1e15, 1e15, 1, 120, cjson.null
local w = cjson.decode(redis.call('GET', KEYS[1]) or '{"flying": []}')
local run = {}
function run.forget()
  w = {flying = w.flying, limit = 0, remaining = null, reset = null, ends = NEVER, newest = NEVER, length = FOREVER}
end
if not w.limit then run.forget() end
local function drop(till) while w.flying[1] and w.flying[1] <= till do table.remove(w.flying, 1) end end
run['end'] = function(sent, at, stated)
  for i, each in ipairs(w.flying) do if each == sent then table.remove(w.flying, i) break end end
  if stated == null then return end
  local limit, left, reset, date = unpack(stated)
  local ends, known = math.min(at + reset - date, at + LONGEST - MARGIN) + MARGIN, w.reset ~= null
  local ahead = known and reset - w.reset or 0
  local same, newer = known and math.abs(ahead) <= 1.5, ahead > 1.5 or sent >= w.newest + (known and MARGIN or 0)
  if ends <= at or not (newer or same) then return end
  if same then
    ends, left = math.min(ends, w.ends), newer and left or math.min(left, w.remaining)
  else
    w.reset, w.length = reset, w.limit > 0 and math.max(w.length, ends - at) or ends - at
  end
  w.limit, w.remaining, w.ends, w.newest = limit, left, ends, math.max(sent, w.newest)
  drop(sent - MARGIN)
end
function run.pause(at, seconds)
  w.ends, w.remaining, w.newest = math.max(at + seconds, w.remaining == 0 and w.ends or NEVER), 0, at
end
local function may_send()
  if now >= w.ends then return true end
  if w.remaining ~= null then return w.remaining > #w.flying end
  return w.newest + 0.5 * math.log(#w.flying + 1) / math.log(2) <= now
end
for _, operation in ipairs(operations) do run[operation[1]](unpack(operation, 2)) end
local granted = 0
while granted < wanted and may_send() do
  if now >= w.ends then
    w.reset, w.remaining, w.ends, w.newest = null, w.limit > 0 and w.limit or null, now + w.length, now
    drop(now - MARGIN)
  end
  table.insert(w.flying, now)
  granted = granted + 1
end
redis.call('SET', KEYS[1], cjson.encode(w), 'EX', 300)
return cjson.encode({now, granted, w})
