"""What a journal does in Redis at once.

KEYS are those of the journal, in the order of `redis_records.PARTS`, where nothing else is said. The header has:

    program, schema, workflow_id, workflow_version, key_rule    what it belongs to
    id              that of this journal: one of the same name that is begun later has another
    stop            the token of a run that was requested to stop
    holder, process the token of the run that took the lease last, and its process
    run:TOKEN       of each run: the number of the last write before it, and once another has followed, that of its own
    revision        the number of the last write, and the token of its run
    counts          of the parts that have rows, after that write
    progress        what the run has last said of its pace, for those who watch it
    lost            who noticed that something is missing; no run continues such a journal
"""

from __future__ import annotations

from typing import Final

_COUNTS: Final = """
local function counts()
  local found = {}
  for part = 3, 7 do
    found[#found + 1] = redis.call('HLEN', KEYS[part])
  end
  found[#found + 1] = redis.call('ZCARD', KEYS[8])
  return table.concat(found, ',')
end
"""

OPENED: Final = f"""
{_COUNTS}
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'none' and (kind ~= 'hash' or redis.call('HEXISTS', KEYS[1], 'program') == 0) then
  return 'foreign'
end
local fields = redis.call('HMGET', KEYS[1], unpack(ARGV))
fields[#fields + 1] = counts()
return fields
"""
"""Returns fields of the header, and the counts. ARGV: the names of the fields."""

ACQUIRE: Final = """
local holder = redis.call('GET', KEYS[2])
if holder and holder ~= ARGV[1] then
  return {holder, redis.call('PTTL', KEYS[2]), redis.call('HGET', KEYS[1], 'process')}
end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
for at = 4, #ARGV, 2 do
  redis.call('HSETNX', KEYS[1], ARGV[at], ARGV[at + 1])
end
local before = redis.call('HMGET', KEYS[1], 'holder', 'revision')
if before[1] ~= ARGV[1] then
  local number = string.match(before[2], '^%d+')
  if before[1] then
    redis.call('HSET', KEYS[1], 'run:' .. before[1], number)
  end
  redis.call('HSET', KEYS[1], 'run:' .. ARGV[1], number, 'holder', ARGV[1], 'process', ARGV[3])
end
return {ARGV[1]}
"""
"""Takes the lease unless another has it; a new journal gets a header. Returns the token of the holder, and of another
one the milliseconds left and its process. ARGV: the token, milliseconds, the process, fields of the header."""

RENEW: Final = """
if redis.call('HEXISTS', KEYS[1], 'run:' .. ARGV[1]) == 0 then
  return -1
end
if redis.call('HGET', KEYS[1], 'holder') ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return redis.call('HGET', KEYS[1], 'stop') == ARGV[1] and 2 or 1
"""
"""Renews the lease. It may have lapsed: only who takes it becomes the holder. Returns 2 if this run was requested to
stop, 0 if another has the lease, -1 if the server does not know this run any more. ARGV: the token, milliseconds."""

HOLDER: Final = """
local holder = redis.call('GET', KEYS[2])
return {redis.call('HEXISTS', KEYS[1], 'program'), holder, redis.call('HGET', KEYS[1], 'process')}
"""
"""Returns whether the journal is there, the token of the run that has the lease, or nil, and its process."""

STOP: Final = f"""
if redis.call('EXISTS', KEYS[2]) == 1 then
  redis.call('HSET', KEYS[1], 'stop', redis.call('GET', KEYS[2]))
end
{HOLDER}
"""
"""Requests that the run stops that has the lease, and returns the same as `HOLDER`."""

RELEASE: Final = """
if redis.call('GET', KEYS[2]) == ARGV[1] then
  redis.call('DEL', KEYS[2])
end
return redis.call('HEXISTS', KEYS[1], 'run:' .. ARGV[1]) * 2 - 1
"""
"""Releases the lease. Returns -1 if the server does not know this run any more. ARGV: the token."""

LOSE: Final = """
redis.call('HSETNX', KEYS[1], 'program', ARGV[1])
redis.call('HSETNX', KEYS[1], 'schema', ARGV[2])
redis.call('HSETNX', KEYS[1], 'lost', ARGV[3])
return 1
"""
"""Records that the journal lacks what it held. ARGV: the program, the schema, who noticed it."""

_HELD: Final = f"""
{_COUNTS}
local held = redis.call('HMGET', KEYS[1], 'lost', 'revision', 'counts', 'holder', 'process', 'run:' .. ARGV[1])
local found = counts()
local function is_whole(known)
  local is_known = held[2] and string.find(',' .. known .. ',', ',' .. held[2] .. ',', 1, true)
  return is_known and held[6] and not held[1] and held[3] == found
end
local function lost()
  return {{'lost', held[1], held[2], held[3], found}}
end
"""

FIND: Final = f"""
{_HELD}
if not is_whole(ARGV[2]) and held[4] == ARGV[1] or not held[6] then
  return lost()
end
local facts = {{'found'}}
for at = 4, #ARGV do
  for part in string.gmatch(ARGV[3], '%d+') do
    facts[#facts + 1] = redis.call('HGET', KEYS[part + 1], ARGV[at])
  end
end
return facts
"""
"""Returns fields of parts, if the journal is what the run knows. ARGV: the token, the stamps that the run knows, the
places of the parts, the names of the fields."""

WRITE: Final = f"""
{_HELD}
if held[6] and not held[1] and held[4] ~= ARGV[1] then
  return {{'taken', held[5]}}
end
if not is_whole(ARGV[3]) then
  return lost()
end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
for at = 5, #ARGV, 4 do
  redis.call(ARGV[at], KEYS[tonumber(ARGV[at + 1]) + 1], ARGV[at + 2], ARGV[at + 3])
end
redis.call('HSET', KEYS[1], 'revision', ARGV[4], 'counts', counts())
return {{'written'}}
"""
"""Writes, if the run is still the holder and the server has all that it wrote before. It may be sent again when its
reply was lost. ARGV: the token, milliseconds of the lease, the stamps that the run knows, the new one, changes."""

SURVEY: Final = """
local found = redis.call('HSCAN', KEYS[3], ARGV[1], 'COUNT', ARGV[2])
local failed, unfinished = {}, {}
for at = 1, #found[2], 2 do
  local key = found[2][at]
  local result = redis.call('HGET', KEYS[7], key)
  if not result then
    unfinished[#unfinished + 1] = key
  elseif string.match(result, '^........%[%-?%d+, "([^"]*)"') ~= 'completed' then
    failed[#failed + 1] = key
  end
end
return {found[1], failed, unfinished}
"""
"""Returns, of a part of the rows, the keys of those that have failed and of those that have no result. It writes
nothing. ARGV: the cursor of the part, how many rows. Returns the cursor of the next part first, 0 for none."""
