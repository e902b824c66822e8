-- POSTs signals for wrk, each with an id of its own: wrk -s route.lua URL -- RUN
-- RUN makes the ids of this run differ from those of any other. The bare handler gets the same bodies.
-- All signals of a symbol say the same: routing is measured, not the settling of ever more conflicts.
local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("number", threads)
end

local count, prefix = 0, ""
local sources = { "macro", "portfolio", "strategy", "tactical" }
local sides = { "buy", "sell", "hold" }

function init(args)
  prefix = string.format("%s-%d-", args[1] or "run", number)
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
end

function request()
  count = count + 1
  local body = string.format(
    '{"signal_id":"%s%d","signal_type":"analysis","source":"%s","target":"execution","strength":0.8,' ..
    '"confidence":0.75,"priority":3,"symbol":"%06d.SH","side":"%s","data":{"reason":"bench"}}',
    prefix, count, sources[count % 4 + 1], 600000 + count % 500, sides[count % 500 % 3 + 1])
  return wrk.format(nil, nil, nil, body)
end
