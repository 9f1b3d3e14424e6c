-- The statuses of providers, as workflows/states/provider.lua has them.
return {
  "PENDING_APPROVAL", "REJECTED", "APPROVED", "TRIAL", "TRIAL_EXPIRED", "ACTIVE", "PAYMENT_OVERDUE", "SUSPENDED",
  "CANCELLED",
}
