-- Whom the webhook tells.
return { url = "https://hooks.example.org/bookings" }
