-- The static route of the bench (copied into lua/routes of its home folder): no database, no
-- parameters, a small table encoded anew for each request. peers/nginx/hello.lua is its twin.
return {
  {
    method = "GET",
    path = "/bench/hello",
    summary = "a small table as JSON",
    permission = "public",
    handler = function()
      return {
        id = "cm3b0q8zk0000v9l4h2d7x1ab",
        name = "Dr Noma Dlamini",
        city = "Johannesburg",
        online = true,
        status = "ACTIVE",
        minutes = 30,
        note = "first visit",
      }
    end,
  },
}
