-- A message to the window in KEYS[1]: what `exchange` in _core/stored_window.py does, on the clock of the server.
local time, message = redis.call('TIME'), cjson.decode(ARGV[1])
local operations, wanted, now = message[1], message[2], tonumber(ARGV[2]) or time[1] + time[2] / 1e6
local NEVER, MARGIN, LONGEST, SAME_RESET, null = -1e15, 1, 120, 1.5, cjson.null
local w = cjson.decode(redis.call('GET', KEYS[1]) or '{}')
local run = {}
function run.forget() w = {limit = 0, left = 0, reset = 0, ends = NEVER, length = 0} end
if not w.limit then run.forget() end
run['end'] = function(stated)
  if stated == null then w.left = math.min(w.limit, w.left + 1) return end
  local limit, left, reset, date = unpack(stated)
  if reset <= math.max(date, w.reset - SAME_RESET) then return end
  local ends, is_next = now + math.min(reset - date + MARGIN, LONGEST), 0 < w.reset and w.reset < reset - SAME_RESET
  w.left = (is_next or w.limit == 0) and left + math.min(0, w.left + 1) or math.min(w.left, left)
  w.ends = w.reset > 0 and not is_next and math.min(w.ends, ends) or ends
  w.limit, w.reset, w.length = limit, reset, math.max(w.length, ends - now)
end
function run.pause(seconds)
  w.ends, w.left = math.max(now + seconds, w.left <= 0 and w.ends or NEVER), 0
end
local function may_send()
  if now < w.ends then return w.left > 0 end
  return w.limit > 0 or w.ends + 0.5 * math.log(1 - w.left) / math.log(2) <= now
end
for _, operation in ipairs(operations) do run[operation[1]](operation[2]) end
local granted = 0
while granted < wanted and may_send() do
  if w.limit > 0 and now >= w.ends then w.left, w.reset, w.ends = w.limit, 0, now + w.length end
  if w.ends == NEVER then w.ends = now end
  w.left, granted = w.left - 1, granted + 1
end
redis.call('SET', KEYS[1], cjson.encode(w), 'EX', 300)
return cjson.encode({granted, now, w})
