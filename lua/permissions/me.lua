-- What every signed-in user may do with their own account.
return {
  use = function(req)
    return req.user_id ~= nil
  end,
}
