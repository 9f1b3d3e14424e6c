-- Trial status, step 1: one more value. Nothing uses it before this is committed.
ALTER TYPE "ProviderStatus" ADD VALUE 'TRIAL_EXPIRED' AFTER 'TRIAL';
