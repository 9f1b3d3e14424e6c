-- People who are not providers: the platform's administrator, the owners and staff of the
-- organizations, and patients. Whoever stands in demo_login gets its password when it has none.
-- login: admin@demo.example / Sunbird-2026   (platform administrator)
-- login: owner@umoya.example / Sunbird-2026   (owner of Umoya Family Health)
-- login: naledi.mokoena@demo.example / Sunbird-2026   (provider)
-- login: thandi@demo.example / Sunbird-2026   (patient)

-- 25 characters that no generated id can have: those begin with the time, and this lies in 2002.
CREATE FUNCTION pg_temp.demo_id(kind text, number integer) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$SELECT 'cdemo' || kind || lpad(number::text, 20 - length(kind), '0')$$;

CREATE TEMPORARY TABLE demo_login ("userId" text PRIMARY KEY, "password" text NOT NULL) ON COMMIT DROP;

INSERT INTO "User" ("id", "name", "email", "emailVerified", "phone", "role")
SELECT pg_temp.demo_id('user', n), name, email, mb_now(), '+27105550' || lpad(n::text, 3, '0'),
       role::"UserRole"
FROM (VALUES
    (1, 'Ayanda Sithole', 'admin@demo.example', 'SUPER_ADMIN'),
    (2, 'Pieter Swanepoel', 'support@demo.example', 'ADMIN'),
    (11, 'Nomvula Radebe', 'owner@umoya.example', 'USER'),
    (12, 'Faizel Davids', 'owner@tablebay.example', 'USER'),
    (13, 'Priya Moodley', 'owner@ilanga.example', 'USER'),
    (14, 'Johan Terblanche', 'owner@jacaranda.example', 'USER'),
    (15, 'Boitumelo Kgosi', 'owner@karoo.example', 'USER'),
    (21, 'Lebogang Tau', 'frontdesk@umoya.example', 'USER'),
    (22, 'Carmen Jacobs', 'frontdesk@tablebay.example', 'USER'),
    (23, 'Sanele Khumalo', 'frontdesk@ilanga.example', 'USER'),
    (24, 'Ruan Visser', 'manager@jacaranda.example', 'USER'),
    (51, 'Thandi Nkuna', 'thandi@demo.example', 'USER'),
    (52, 'Kabelo Modise', 'kabelo@demo.example', 'USER'),
    (53, 'Lize Brits', 'lize@demo.example', 'USER'),
    (54, 'Yusuf Parker', 'yusuf@demo.example', 'USER'),
    (55, 'Nokuthula Zulu', 'nokuthula@demo.example', 'USER'),
    (56, 'Deshan Pillay', 'deshan@demo.example', 'USER'),
    (57, 'Marlene Fortuin', 'marlene@demo.example', 'USER'),
    (58, 'Tshepo Maake', 'tshepo@demo.example', 'USER')
) AS person (n, name, email, role)
ON CONFLICT DO NOTHING;

INSERT INTO demo_login
SELECT pg_temp.demo_id('user', n), 'Sunbird-2026'
FROM unnest(ARRAY[1, 2, 11, 12, 13, 14, 15, 21, 22, 23, 24, 51, 52, 53, 54, 55, 56, 57, 58]) AS n;
