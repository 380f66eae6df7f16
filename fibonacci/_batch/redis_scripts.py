"""What a journal does in Redis at once.

KEYS are those of the journal, in the order of `redis_records.PARTS`, where nothing else is said.
"""

from __future__ import annotations

from typing import Final

OPENED: Final = """
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'none' and kind ~= 'hash' then
  return 'foreign'
end
local fields = redis.call('HMGET', KEYS[1], unpack(ARGV))
fields[#fields + 1] = redis.call('HLEN', KEYS[3])
return fields
"""
"""Returns fields of the header, and the number of rows. ARGV: the names of the fields."""

ACQUIRE: Final = """
local holder = redis.call('GET', KEYS[2])
if holder and holder ~= ARGV[1] then
  return {holder, redis.call('PTTL', KEYS[2]), redis.call('HGET', KEYS[1], 'process')}
end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
for at = 4, #ARGV, 2 do
  redis.call('HSETNX', KEYS[1], ARGV[at], ARGV[at + 1])
end
redis.call('HSET', KEYS[1], 'holder', ARGV[1], 'process', ARGV[3], 'writes', 0)
return {ARGV[1]}
"""
"""Takes the lease unless another has it; a new journal gets a header. Returns the token of the holder, and of another
one the milliseconds left and its process. ARGV: the token, milliseconds, the process, fields of the header."""

RENEW: Final = """
if redis.call('HGET', KEYS[1], 'holder') ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return 1
"""
"""Renews the lease. It may have lapsed: only who takes it becomes the holder. ARGV: the token, milliseconds."""

RELEASE: Final = """
if redis.call('GET', KEYS[2]) == ARGV[1] then
  redis.call('DEL', KEYS[2])
end
return 1
"""
"""Releases the lease. ARGV: the token."""

FIND: Final = """
local facts = {}
for place = 1, #KEYS do
  facts[place] = redis.call('HGET', KEYS[place], ARGV[1])
end
return facts
"""
"""Returns the fields of a row. KEYS: those of `redis_records.FACTS`. ARGV: the key of the row."""

WRITE: Final = """
local state = redis.call('HMGET', KEYS[1], 'holder', 'writes', 'process')
if not state[1] then
  return {'lost'}
end
if state[1] ~= ARGV[1] then
  return {'taken', state[3]}
end
local writes, before = tonumber(state[2]), tonumber(ARGV[3])
local rows, rows_before, rows_after = redis.call('HLEN', KEYS[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
if (writes ~= before and writes ~= before + 1) or (rows ~= rows_before and rows ~= rows_after) then
  return {'lost'}
end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
for at = 6, #ARGV, 4 do
  redis.call(ARGV[at], KEYS[tonumber(ARGV[at + 1]) + 1], ARGV[at + 2], ARGV[at + 3])
end
redis.call('HSET', KEYS[1], 'writes', before + 1, 'rows', rows_after)
return {'written'}
"""
"""Writes, if the run is still the holder and the server has all that it wrote before. It may be sent again when its
reply was lost. ARGV: the token, milliseconds of the lease, how many writes there were, how many rows there are before
and after, changes."""
