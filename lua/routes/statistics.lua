-- How much there is of everything.
local answers = require "validation.answers"
local db = require "mb.db"
local json = require "mb.json"
local server_config = require "mb.config"
local statistics = require "queries.statistics"

return {
  {
    method = "GET", path = "/v1/statistics", permission = "statistics.view",
    summary = "How much there is of everything, and what waits for a decision",
    description = "Days, and weeks from Monday on, are those of the installation (key `time_zone`).",
    responses = { [200] = answers.statistics },
    handler = function()
      return 200, json.raw(db.query(statistics.all, server_config "time_zone")[1].body)
    end,
  },
}
