-- The statuses of providers and organizations, as their workflows have them (workflows/states/).
return {
  "PENDING_APPROVAL", "REJECTED", "APPROVED", "TRIAL", "TRIAL_EXPIRED", "ACTIVE", "PAYMENT_OVERDUE", "SUSPENDED",
  "CANCELLED",
}
