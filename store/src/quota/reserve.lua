-- Takes a place in time for one request, its tokens and its dollars; returns the microseconds to wait for it.
--
-- KEYS[1]: a hash. `requests`, `tokens`, `dollars`: when all that was granted so far has had its time, in microseconds
-- since the Unix epoch. `per_…`: microseconds that one of each takes up.
-- ARGV: microseconds per request, per token, per dollar (0: no limit), then tokens and dollars of this request.

local BURST = 1000000
local DAY = 86400000000

local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local names = {'requests', 'tokens', 'dollars'}
local amounts = {1, tonumber(ARGV[4]), tonumber(ARGV[5])}
local paid = redis.call('HMGET', KEYS[1], unpack(names))

local start, last = now, now
for place in ipairs(names) do
    -- Without a limit, what others have booked under one does not count.
    if tonumber(ARGV[place]) > 0 then
        start = math.max(start, tonumber(paid[place] or now) - BURST)
    end
end
for place, name in ipairs(names) do
    local per = tonumber(ARGV[place])
    local until_now = tonumber(paid[place] or now)
    -- Counted from its own start, whichever limit put that off: time in which none was asked for is not saved up. Beyond a day it no longer matters
    -- how long one call takes up.
    local ends = math.max(until_now, start) + math.min(amounts[place] * per, DAY)
    last = math.max(last, ends)
    redis.call('HSET', KEYS[1], name, string.format('%.0f', ends), 'per_' .. name, ARGV[place])
end
-- Forgotten when it says no more than an empty one would.
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', (last - now) / 1000 + 60000))
return string.format('%.0f', start - now)
