-- Four organizations that are open, one that waits for approval, and their houses.
INSERT INTO "Organization" ("id", "name", "description", "email", "phone", "website", "status",
                            "approvedById", "approvedAt", "billingModel")
SELECT pg_temp.demo_id('orga', n), name, description, 'hello@' || domain,
       '+27115550' || lpad(n::text, 3, '0'), 'https://' || domain, status::"OrganizationStatus",
       CASE WHEN status <> 'PENDING_APPROVAL' THEN pg_temp.demo_id('user', 1) END,
       CASE WHEN status <> 'PENDING_APPROVAL' THEN mb_now() END,
       billing::"OrganizationBillingModel"
FROM (VALUES
    (1, 'Umoya Family Health', 'Family practice in Johannesburg, from Rosebank to Soweto',
     'umoya.example', 'ACTIVE', 'CONSOLIDATED'),
    (2, 'Table Bay Medical Collective', 'Doctors, dentists and therapists under one roof in Cape Town',
     'tablebay.example', 'ACTIVE', 'PER_LOCATION'),
    (3, 'Ilanga Coastal Clinics', 'Walk-in and booked care along the Durban coast',
     'ilanga.example', 'ACTIVE', 'CONSOLIDATED'),
    (4, 'Jacaranda Therapy Network', 'Psychology, speech and occupational therapy in three cities',
     'jacaranda.example', 'TRIAL', 'CONSOLIDATED'),
    (5, 'Karoo Mobile Health', 'A clinic on wheels, soon on the road',
     'karoo.example', 'PENDING_APPROVAL', 'CONSOLIDATED')
) AS organization (n, name, description, domain, status, billing)
ON CONFLICT DO NOTHING;

INSERT INTO "OrganizationMembership" ("id", "organizationId", "userId", "role", "permissions")
SELECT pg_temp.demo_id('memb', person), pg_temp.demo_id('orga', organization),
       pg_temp.demo_id('user', person), role::"OrganizationRole", permissions::"OrganizationPermission"[]
FROM (VALUES
    (11, 1, 'OWNER', '{}'), (12, 2, 'OWNER', '{}'), (13, 3, 'OWNER', '{}'), (14, 4, 'OWNER', '{}'),
    (15, 5, 'OWNER', '{}'),
    (21, 1, 'STAFF', '{MANAGE_BOOKINGS}'), (22, 2, 'STAFF', '{MANAGE_BOOKINGS}'),
    (23, 3, 'STAFF', '{MANAGE_BOOKINGS}'), (24, 4, 'MANAGER', '{VIEW_ANALYTICS}')
) AS membership (person, organization, role, permissions)
ON CONFLICT DO NOTHING;

-- The place ids are invented, the coordinates are near the streets named.
CREATE TEMPORARY TABLE demo_location (
    n integer PRIMARY KEY, organization integer, name text, address text, lat numeric, lng numeric,
    terms text[]
) ON COMMIT DROP;
INSERT INTO demo_location VALUES
    (1, 1, 'Umoya Rosebank', '14 Baker Street, Rosebank, Johannesburg, 2196', -26.1457, 28.0419,
     '{johannesburg,joburg,jozi,rosebank,gauteng,2196}'),
    (2, 1, 'Umoya Orlando', '8231 Khumalo Street, Orlando West, Soweto, Johannesburg, 1804', -26.2379, 27.9086,
     '{johannesburg,joburg,jozi,soweto,orlando,gauteng,1804}'),
    (3, 2, 'Table Bay Gardens', '62 Kloof Street, Gardens, Cape Town, 8001', -33.9293, 18.4108,
     '{"cape town",kaapstad,gardens,"city bowl","western cape",8001}'),
    (4, 2, 'Table Bay Claremont', '5 Dreyer Street, Claremont, Cape Town, 7708', -33.9812, 18.4641,
     '{"cape town",kaapstad,claremont,"southern suburbs","western cape",7708}'),
    (5, 3, 'Ilanga Morningside', '210 Florida Road, Morningside, Durban, 4001', -29.8293, 31.0158,
     '{durban,ethekwini,morningside,berea,kwazulu-natal,4001}'),
    (6, 3, 'Ilanga Umhlanga', '31 Chartwell Drive, Umhlanga Rocks, Durban, 4320', -29.7271, 31.0869,
     '{durban,ethekwini,umhlanga,kwazulu-natal,4320}'),
    (7, 4, 'Jacaranda Parktown', '3 Princess of Wales Terrace, Parktown, Johannesburg, 2193', -26.1805, 28.0389,
     '{johannesburg,joburg,jozi,parktown,gauteng,2193}'),
    (8, 4, 'Jacaranda Sea Point', '118 Regent Road, Sea Point, Cape Town, 8005', -33.9176, 18.3860,
     '{"cape town",kaapstad,"sea point","atlantic seaboard","western cape",8005}'),
    (9, 4, 'Jacaranda Glenwood', '47 Helen Joseph Road, Glenwood, Durban, 4001', -29.8690, 30.9880,
     '{durban,ethekwini,glenwood,kwazulu-natal,4001}'),
    (10, 5, 'Karoo Depot', '9 Richards Drive, Midrand, Johannesburg, 1685', -25.9970, 28.1270,
     '{johannesburg,joburg,midrand,gauteng,1685}');

INSERT INTO "Location" ("id", "organizationId", "name", "googlePlaceId", "formattedAddress", "coordinates",
                        "searchTerms", "phone", "email")
SELECT pg_temp.demo_id('loca', n), pg_temp.demo_id('orga', organization), name,
       'demo-place-' || lpad(n::text, 4, '0'), address || ', South Africa',
       jsonb_build_object('lat', lat, 'lng', lng), terms, '+27115551' || lpad(n::text, 3, '0'),
       'location' || n || '@demo.example'
FROM demo_location
ON CONFLICT DO NOTHING;
