-- Days of the calendar as people write them.

local MONTHS <const> = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

local function is_leap(year)
  return year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
end

-- Days since 1970-01-01 of "YYYY-MM-DD"; nil for what is no day.
local function days_of(text)
  local y, m, d = text:match "^(%d%d%d%d)%-(%d%d)%-(%d%d)$"
  if not y then
    return
  end
  local year, month, day = tonumber(y), tonumber(m), tonumber(d)
  if month < 1 or month > 12 or day < 1 or day > MONTHS[month] + (month == 2 and is_leap(year) and 1 or 0) then
    return
  end
  local past = year - 1
  local days = past * 365 + past // 4 - past // 100 + past // 400 + day - 719163
  for i = 1, month - 1 do
    days = days + MONTHS[i]
  end
  return days + (month > 2 and is_leap(year) and 1 or 0)
end

return { days_of = days_of }
