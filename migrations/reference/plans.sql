-- The plan that there is from the beginning: an example to change. Loaded by `medbookd reference load`, and by the first
-- start of an embedded database.
INSERT INTO "SubscriptionPlan" ("slug", "name", "description", "basePrice", "currency", "interval", "includedSlots",
                                "tierPricing")
VALUES ('standard', 'Standard', '30 slots a month, and each further one the cheaper the more there are.', 300.00, 'ZAR',
        'MONTHLY', 30, '{"31-100": 5.00, "101-300": 4.00, "301+": 3.00}')
ON CONFLICT ("slug") DO NOTHING;
