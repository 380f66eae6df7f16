-- What `SharedWindow.exchange` in fibonacci/_core/shared_window.py does, with the state in Redis, in the same order and
-- with the same names; tests/net/test_redis_store.py compares the two. That file and window.py explain the rules.
--
-- KEYS[1]  the window: a hash of numbers, and the strings `epoch` and `probe`; with the share of each process
-- KEYS[2]  requests in flight: names of leases, by the time of their grant
-- KEYS[3]  the queue: names of leases to be granted, by their order
-- KEYS[4]  the same names, by the end of their places
-- ARGV[1]  the message, as JSON
-- ARGV[2]  the time in seconds, in tests; else it is that of the server

local WINDOW, LEASES, QUEUE, PLACES = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local NEVER, UNKNOWN = -1e300, 1e300
local LONGEST_WAIT, LENGTHS, ROUNDING, MARGIN = 120, {2, 5, 10, 30, 60}, 1.5, 3
local UNCERTAINTY, ENTERED_WITHIN, TOLERANCE, LONGEST_RESPONSE, FITTING_WINDOWS = 3, 2, 0.001, 1, 2
local LATEST, BELIEVED_FOR, SCOUTED = 2.5, 86400, 0.5
local SCOUT_INTERVAL, PROBE_INTERVAL, KEPT_PLACE, TURN, ARRIVED_WITHIN, ROUNDED = 0.25, 5, 3, 0.02, 1, 0.000001
local SHARED_OUT, SHARED_OUT_PART, SHARE = 3, 0.2, 'share of '
local FIRST_PART, FIRST_REQUESTS = 0.1, 6
local FORGOTTEN_AFTER = 300

local now = tonumber(ARGV[2])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1000000
end

local function text(number)
  return string.format('%.17g', number)
end

local function forgotten(state)
  state.limit, state.remaining = 0, -1
  state.length, state.fitting_length, state.fitting_windows = 0, 0, 0
  state.resets_at, state.ends_by, state.lateness = UNKNOWN, UNKNOWN, 0
  state.stated_at, state.clock_offset, state.ended_at, state.paused_until = NEVER, NEVER, NEVER, NEVER
end

local function forget(state)
  forgotten(state)
  state.probe, state.probe_at, state.is_silent = '', NEVER, 0
end

local s = {reset = 0, last = 0, shares_end = NEVER, opened_at = NEVER, heard_at = NEVER, fitted_at = NEVER}
s.late_at, s.scouted_at = NEVER, NEVER
forget(s)
local fields = redis.call('HGETALL', WINDOW)
for index = 1, #fields, 2 do
  local name = fields[index]
  s[name] = (name == 'epoch' or name == 'probe') and fields[index + 1] or tonumber(fields[index + 1])
end
s.epoch = s.epoch or string.format('%.6f', now)

-- The window

local function counted_not_yet()
  return redis.call('ZCARD', LEASES)
end

local function left()
  return s.remaining >= 0 and math.max(0, s.remaining - counted_not_yet()) or nil
end

local function is_exhausted()
  return s.remaining >= 0 and s.remaining <= counted_not_yet()
end

local function longest_length()
  return math.min(LONGEST_WAIT, (s.length > 0 and s.length or LONGEST_WAIT) + MARGIN)
end

local function stop_counting(time)
  redis.call('ZREMRANGEBYSCORE', LEASES, '-inf', text(time))
end

local function is_scouted()
  if s.remaining < 0 or s.resets_at < UNKNOWN or now >= s.scouted_at + SCOUTED then
    return false
  end
  local last = redis.call('ZREVRANGE', LEASES, 0, 0, 'WITHSCORES')[2]
  return last and tonumber(last) >= s.scouted_at
end

-- Returns the seconds and whether they are fixed; nil when a request is left.
local function window_delay()
  if now < s.paused_until then
    return s.paused_until - now, 1
  end
  if is_scouted() then
    return s.scouted_at + SCOUTED - now, 0
  end
  if not is_exhausted() then
    return nil
  end
  local ends
  if s.resets_at == UNKNOWN then
    ends = tonumber(redis.call('ZRANGE', LEASES, 0, 0, 'WITHSCORES')[2]) + longest_length()
  else
    ends = math.min(s.resets_at, s.stated_at + LONGEST_WAIT)
  end
  if now < ends then
    return ends - now, s.remaining == 0 and 1 or 0
  end
  return nil
end

local function advance()
  local begins = s.remaining >= 0 and now >= s.resets_at
  if begins then
    stop_counting(s.resets_at - MARGIN)
    s.ended_at = s.resets_at
    s.remaining, s.resets_at, s.scouted_at = s.limit, UNKNOWN, NEVER
  end
  if s.resets_at == UNKNOWN then
    stop_counting(now - longest_length())
  end
  return begins
end

local function find_lateness(since_reset, received_at)
  if received_at >= s.late_at + BELIEVED_FOR then
    s.lateness = 0
  end
  local lateness = math.floor(since_reset) + 1
  if since_reset <= LATEST and lateness >= math.max(1, s.lateness) then
    s.lateness, s.late_at = lateness, received_at
  end
end

local function is_late(at)
  if at < s.ended_at then
    return true
  end
  s.fitting_windows, s.ends_by = -1, UNKNOWN
  return false
end

local function find_end(limit, remaining, sent_at, received_at, ends_at, is_same)
  s.ends_by = is_same and s.ends_by or UNKNOWN
  local is_late = s.ended_at ~= NEVER and sent_at > s.ended_at + ENTERED_WITHIN
  local is_slow = received_at > sent_at + LONGEST_RESPONSE
  local is_first = remaining == limit - 1 and sent_at > s.fitted_at
  if s.fitting_windows < 0 or is_late or is_slow or not is_first then
    return
  end
  s.fitted_at = sent_at
  local fitting = 0
  for _, length in ipairs(LENGTHS) do
    local fits = sent_at + length < ends_at + TOLERANCE and ends_at < received_at + length + UNCERTAINTY
    if fits then
      fitting = length
    end
  end
  s.fitting_windows = fitting == s.fitting_length and s.fitting_windows + 1 or 1
  s.fitting_length = fitting
  if fitting > 0 and s.fitting_windows >= FITTING_WINDOWS then
    s.ends_by = received_at + fitting
  end
end

local function update(limit, remaining, reset, server_time, received_at, at, is_probe)
  local offset = server_time - received_at
  if math.abs(offset - s.clock_offset) > 2 then
    s.clock_offset = offset
  else
    s.clock_offset = math.max(s.clock_offset, offset)
  end
  local is_same = s.remaining >= 0 and math.abs(reset - s.reset) < math.min(2, s.length / 2)
  if is_same then
    reset = math.max(reset, s.reset)
    find_lateness(at - (reset - s.clock_offset), received_at)
  end
  local ends_in = reset + s.lateness - s.clock_offset - received_at
  local is_newer = is_probe or at > s.stated_at
  local is_older = not is_newer and not is_same and reset < s.reset and received_at < s.resets_at
  if ends_in <= 0 or is_older or (is_same and s.ends_by < s.resets_at and is_late(at)) then
    if is_same and remaining == 0 and at >= s.ended_at then
      s.paused_until = math.max(s.paused_until, received_at + SCOUTED)
      s.scouted_at = NEVER
    end
    return
  end
  if remaining == limit - 1 or (not is_same and s.ends_by < UNKNOWN) then
    find_end(limit, remaining, at, received_at, received_at + ends_in, is_same)
  end
  if is_same and not is_newer then
    s.remaining = math.min(math.max(0, s.remaining), remaining)
  else
    s.remaining = remaining
  end
  s.limit, s.reset, s.stated_at = limit, reset, math.max(received_at, s.stated_at)
  s.resets_at = math.min(received_at + ends_in, s.ends_by)
  if s.length < math.max(ends_in - ROUNDING, 1) and ends_in <= LONGEST_WAIT then
    local longer = LONGEST_WAIT
    for index = #LENGTHS, 1, -1 do
      if ends_in - ROUNDING <= LENGTHS[index] then
        longer = LENGTHS[index]
      end
    end
    s.length = longer
  end
  stop_counting(at - MARGIN)
end

-- Leases and the queue

local function probe_interval()
  if s.remaining < 0 then
    return s.is_silent == 0 and SCOUT_INTERVAL or nil
  end
  return is_exhausted() and PROBE_INTERVAL or nil
end

-- Returns how many requests may be sent now, and the delay of the next one when none may.
local function free()
  local seconds, is_fixed = window_delay()
  if seconds then
    return 0, seconds, is_fixed
  end
  local interval = probe_interval()
  if interval then
    local wait = s.probe_at + interval - now
    if wait > 0 then
      return 0, wait, 0
    end
    return 1
  end
  return left() or math.huge
end

local function share_of(name)
  return SHARE .. string.match(name, '^[^.]*')
end

local function begin_shares(opened_at)
  for name in pairs(s) do
    if string.sub(name, 1, #SHARE) == SHARE then
      s[name] = nil
      redis.call('HDEL', WINDOW, name)
    end
  end
  s.opened_at = opened_at
  s.shares_end = now + math.min(SHARED_OUT, SHARED_OUT_PART * s.length)
end

local function share_out()
  begin_shares(NEVER)
  local names, waiting = redis.call('ZRANGE', QUEUE, 0, -1), {}
  for _, name in ipairs(names) do
    waiting[share_of(name)] = (waiting[share_of(name)] or 0) + 1
  end
  for share, number in pairs(waiting) do
    s[share] = math.ceil(s.limit * number / #names)
  end
end

local function share_delay(name)
  if now >= s.shares_end or not left() then
    return 0
  end
  local share = s[share_of(name)]
  if s.opened_at == NEVER then
    return (not share or share > 0) and 0 or s.shares_end - now
  end
  local taken = -(share or 0)
  if taken < math.max(FIRST_PART * s.limit, FIRST_REQUESTS) then
    return 0
  end
  local opens_at = s.opened_at + (s.shares_end - s.opened_at) * (taken / s.limit) ^ (1 / 3)
  return math.max(0, math.min(opens_at, s.shares_end) - now)
end

local function leave_queue(name)
  redis.call('ZREM', QUEUE, name)
  redis.call('ZREM', PLACES, name)
end

local function end_request(name, at, age, has_been_passed, pause, limit, remaining, reset, server_time)
  leave_queue(name)
  local received_at, is_probe = now - age, name == s.probe
  redis.call('ZREM', LEASES, name)
  if is_probe then
    s.probe, s.probe_at = '', NEVER
  end
  if limit > 0 and not left() and at < tonumber(s.epoch) - ROUNDED then
    -- It is of before the state was lost: it may not include what was in flight then.
  elseif limit > 0 then
    update(limit, remaining, reset, server_time, received_at, at, is_probe)
  elseif has_been_passed then
    s.is_silent = 1
  end
  if is_probe and has_been_passed and is_exhausted() and not window_delay() then
    forgotten(s)
  end
  if pause > 0 then
    s.paused_until = math.max(s.paused_until, received_at + pause)
  end
end

local function admit(name)
  if probe_interval() then
    s.probe, s.probe_at = name, now
  end
  leave_queue(name)
  local share = share_of(name)
  if s[share] or (s.opened_at ~= NEVER and now < s.shares_end) then
    s[share] = (s[share] or 0) - 1
  end
  redis.call('ZADD', LEASES, text(now), name)
  if s.scouted_at == NEVER then
    s.scouted_at = now
  end
end

local function enqueue(wanted)
  local held = {}
  for _, name in ipairs(wanted) do
    held[name] = redis.call('ZSCORE', LEASES, name)
    if not held[name] then
      if not redis.call('ZSCORE', QUEUE, name) then
        s.last = s.last + 1
        redis.call('ZADD', QUEUE, s.last, name)
      end
      redis.call('ZADD', PLACES, text(now + KEPT_PLACE), name)
    end
  end
  return held
end

local function due_places()
  if now >= s.shares_end or not left() then
    return nil
  end
  local places, place = {}, 0
  for _, name in ipairs(redis.call('ZRANGE', QUEUE, 0, -1)) do
    if share_delay(name) == 0 then
      places[name], place = place, place + 1
    end
  end
  return places
end

local function grant(wanted, held)
  local granted, admitted, places = {}, 0, due_places()
  for _, name in ipairs(wanted) do
    if not held[name] then
      local number, seconds, is_fixed = free()
      local wait = share_delay(name)
      if wait > 0 then
        return granted, seconds or wait, is_fixed or 0
      end
      local place = places and math.max(0, places[name] - admitted) or redis.call('ZRANK', QUEUE, name)
      if place >= number then
        return granted, seconds or TURN, is_fixed or 0
      end
      admit(name)
      admitted = admitted + 1
    else -- the reply was lost: only now is the request about to be sent
      redis.call('ZADD', LEASES, text(now), name)
      if s.scouted_at == NEVER then
        s.scouted_at = now
      end
    end
    granted[#granted + 1] = name
    granted[#granted + 1] = text(now)
  end
  return granted, -1, 0
end

-- The message

local message = cjson.decode(ARGV[1])
local epoch, is_reset, held, delay, ended, wanted = unpack(message)
if epoch ~= '' and epoch ~= s.epoch then
  local paused_until = not left() and math.max(s.paused_until, now + ARRIVED_WITHIN) or s.paused_until
  redis.call('HSET', WINDOW, 'epoch', s.epoch, 'paused_until', text(paused_until))
  redis.call('EXPIRE', WINDOW, FORGOTTEN_AFTER)
  return {s.epoch, {}, '0', 0, 0, -1, '-1'}
end
if is_reset then
  forget(s)
end
for _, lease in ipairs(held) do
  redis.call('ZADD', LEASES, 'NX', text(lease[2]), lease[1])
end
s.paused_until = math.max(s.paused_until, now + delay)
local was_unknown = not left()
local begins = advance()
for _, each in ipairs(ended) do
  end_request(unpack(each))
end
for _, name in ipairs(redis.call('ZRANGEBYSCORE', PLACES, '-inf', '(' .. text(now))) do
  leave_queue(name)
end
local leases = enqueue(wanted)
local was_quiet = now - s.heard_at > KEPT_PLACE
s.heard_at = now
if begins and not was_quiet then
  share_out()
elseif begins or (was_unknown and left()) then
  begin_shares(now)
end
local granted, seconds, is_fixed = grant(wanted, leases)

local number, ends_in = left(), -1
local is_over = number == 0 and not window_delay()
if number and now < s.resets_at and s.resets_at < UNKNOWN and not is_over then
  ends_in = s.resets_at - now
end
local saved = {}
for name, value in pairs(s) do
  saved[#saved + 1] = name
  saved[#saved + 1] = type(value) == 'number' and text(value) or value
end
redis.call('HSET', WINDOW, unpack(saved))
for _, key in ipairs(KEYS) do
  redis.call('EXPIRE', key, FORGOTTEN_AFTER)
end
return {s.epoch, granted, text(seconds), is_fixed, s.limit, number or -1, text(ends_in)}
