-- To a provider of whom answers lapse soon.
local db = require "mb.db"
local links = require "workflows.links"
local submissions = require "queries.submissions"

return function(payload)
  local rows = db.query(submissions.lapsing, payload.providerId, payload.submissionIds)
  local paragraphs = { "what you were approved with lapses after these days:" }
  for i = 1, #rows do
    paragraphs[i + 1] = ("%s  %s"):format(rows[i].lastDay, rows[i].name)
  end
  paragraphs[#paragraphs + 1] = "Please send it anew in time. From the day after on nobody can book you until what you "
    .. "send is approved; then your times come back by themselves."
  return rows[1] and {
    to = rows[1].email, subject = "What you were approved with lapses soon",
    text = links.letter(rows[1].providerName, paragraphs),
  }
end
