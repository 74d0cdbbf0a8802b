-- Corrects what was booked for a request that was granted before.
--
-- KEYS[1]: as in reserve.lua. ARGV: requests, tokens and dollars to add; negative ones are given back.

local DAY = 86400000000

for place, name in ipairs({'requests', 'tokens', 'dollars'}) do
    local paid = redis.call('HMGET', KEYS[1], name, 'per_' .. name)
    local time = tonumber(ARGV[place]) * tonumber(paid[2] or 0)
    -- What has been forgotten is so long past that it needs no correction.
    if paid[1] and time ~= 0 then
        time = math.max(math.min(time, DAY), -DAY)
        redis.call('HSET', KEYS[1], name, string.format('%.0f', paid[1] + time))
    end
end
return redis.status_reply('OK')
