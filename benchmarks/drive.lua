-- What wrk sends: the requests of the file named on the command line, one after the other and round again.
-- A line of the file is: method, tab, path, tab, one more header, tab, body. {unique} is replaced each time.

local UNIQUE = "{unique}"
local requests = {}
local last = 0
local sent = 0
-- Each drive takes a second or longer, so no two begin in the same one.
local started = os.time()
local replaces = false

function init(arguments)
  for line in io.lines(arguments[1]) do
    local method, path, header, body = line:match("([^\t]*)\t([^\t]*)\t([^\t]*)\t(.*)")
    local headers = {["Content-Type"] = body ~= "" and "application/json" or nil}
    local name, value = header:match("([^:]*): (.*)")
    if name then headers[name] = value end
    requests[#requests + 1] = wrk.format(method, path, headers, body ~= "" and body or nil)
    replaces = replaces or header:find(UNIQUE, 1, true) ~= nil
  end
end

function request()
  last = last % #requests + 1
  if not replaces then return requests[last] end
  sent = sent + 1
  return (requests[last]:gsub(UNIQUE, started .. "-" .. sent, 1))
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "microseconds": %d, "p50": %d, "p99": %d, "refused": %d, "broken": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), errors.status,
    errors.connect + errors.read + errors.write + errors.timeout
  ))
end
