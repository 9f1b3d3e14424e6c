-- Files of providers on their way in and out, a piece at a time: the room that one takes here does not grow with it.
-- No connection to the database is held while somebody sends or reads.
local bytes = require "mb.bytes"
local config = require "mb.config"
local db = require "mb.db"
local documents = require "queries.documents"
local id = require "mb.id"
local problem = require "mb.problem"
local size = require "mb.size"

local PIECE <const> = 128 * 1024 -- bytes of a row
local IDLE <const> = "10min" -- who has sent nothing for so long has left

local MAX_PENDING <const> = size.bytes(config.declare("documents.max_pending", {
  type = "size", default = "100MB", least = "1MB", most = "100GB",
  help = "files of one provider together that wait for a review or are being sent",
}))

local incoming = {}
incoming.__index = incoming

-- Room for a file of at most `most` bytes in place of the file `replaced`, which may be nil. Raises documents_full.
-- `local file <close> = files.begin(…)`: what is not `kept` is forgotten, however the request ends.
local function begin(provider, most, replaced)
  local file = setmetatable({ id = id.cuid(), held = {}, nheld = 0, number = 0, size = 0, digest = bytes.sha256() },
    incoming)
  if not db.query(documents.begin, provider, file.id, most, MAX_PENDING, replaced, IDLE)[1].hasRoom then
    error(problem(409, "documents_full", "too much of yours waits for a review or is being sent: take something back"))
  end
  return file
end

-- Nobody may be there to wait for it.
function incoming:__close()
  if not self.kept then
    db.later(documents.forget, self.id)
  end
end

-- The file has gone: it was taken for one whose sender has left.
local function refuse_slow()
  error(problem(408, "body_too_slow", "the file came too slowly to be kept"))
end

local function store(self, piece)
  self.number = self.number + 1
  local rows <close> = db.query(documents.append, self.id, self.number, bytes.parameter(piece))
  if not rows[1].isThere then
    refuse_slow()
  end
end

-- Stores whole pieces; with `all` also what is left.
local function flush(self, all)
  local held, at = table.concat(self.held), 1
  while #held - at + 1 >= PIECE or all and at <= #held do
    store(self, held:sub(at, at + PIECE - 1))
    at = at + PIECE
  end
  self.held, self.nheld = { held:sub(at) }, math.max(0, #held - at + 1)
end

function incoming:write(piece)
  self.digest:add(piece)
  self.size = self.size + #piece
  self.held[#self.held + 1], self.nheld = piece, self.nheld + #piece
  if self.nheld >= PIECE then
    flush(self, false)
  end
end

-- Stores what is left; -> sha256 in hex. A statement makes the file complete then (mb_end_file).
function incoming:finish()
  flush(self, true)
  return self.digest:hex()
end

-- The file is complete, and somebody refers to it.
function incoming:keep()
  self.kept = true
end

-- A file that is complete: { id, mediaType, size, sha256 }, or nil.
local function find(file_id)
  return file_id and db.query(documents.file, file_id)[1]
end

local function piece_of(file, number)
  local rows <close> = db.query(documents.piece, file.id, number)
  return rows[1] and rows[1].bytes
end

-- Answers a file as a stream. One that goes meanwhile, as another takes its place, ends as a broken body.
local function send(req, file, headers)
  headers["Content-Type"], headers.ETag = file.mediaType, '"' .. file.sha256 .. '"'
  local piece, number, sent = piece_of(file, 1), 1, 0
  if not piece then
    error(problem(404, "not_found", "the file has just gone"))
  end
  req:begin(200, headers)
  if req.method == "HEAD" then
    return
  end
  while piece do
    req:write(piece)
    number, sent = number + 1, sent + #piece
    piece = sent < file.size and piece_of(file, number)
  end
  if sent ~= file.size then
    error(("file %s ends after %d of %d bytes"):format(file.id, sent, file.size))
  end
end

return { IDLE = IDLE, begin = begin, find = find, send = send, refuse_slow = refuse_slow }
