-- For wrk: asks for the paths of a file in turn, the same for every peer. Every request is made
-- ready beforehand, so that the generator of load works as little as it can.
--   wrk -s paths.lua http://127.0.0.1:8000 -- paths.txt
local requests = {}
local at = 0

function init(arguments)
  for path in io.lines(arguments[1]) do
    requests[#requests + 1] = wrk.format("GET", path)
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end
