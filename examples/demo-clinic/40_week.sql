-- The hours of a week, by wall clock in the provider's zone. online: without a house, on the screen.
CREATE TEMPORARY TABLE demo_hours (
    hours text, weekdays integer[], part integer, opens time, closes time, online boolean
) ON COMMIT DROP;
INSERT INTO demo_hours VALUES
    ('full', '{1,2,3,4,5}', 1, '08:00', '12:30', false),
    ('full', '{1,2,3,4,5}', 2, '13:30', '17:00', false),
    ('early', '{1,2,3,4,5}', 1, '07:00', '11:00', false),
    ('early', '{1,2,3,4,5}', 2, '11:30', '15:00', false),
    ('late', '{1,2,3,4}', 1, '10:10', '13:00', false),
    ('late', '{1,2,3,4}', 2, '14:00', '19:00', false),
    ('part', '{1,3,5}', 1, '08:30', '13:00', false),
    ('tuesdays', '{2,4}', 1, '09:00', '13:00', false),
    ('tuesdays', '{2,4}', 2, '14:00', '17:00', false),
    ('tuesdays', '{6}', 1, '08:00', '12:00', false),
    ('mixed', '{1,2,4,5}', 1, '08:15', '12:45', false),
    ('mixed', '{3}', 1, '13:00', '18:00', true),
    ('evening', '{1,2,3,4}', 1, '17:30', '20:45', true);
