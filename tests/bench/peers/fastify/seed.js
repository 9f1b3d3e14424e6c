'use strict';
// The seed's "efficient availability search" (its page on query optimization), which a Prisma
// client spells findMany({ where, include: { service, availability: { include: { provider }}}}):
// one join here, which is faster than the three statements Prisma makes of it.

const tables = require('./tables');

const columns = (alias, table) =>
  Object.keys(tables[table]).map((c) => {
    const value = c === 'languages' ? `${alias}."languages"::text[]` : `${alias}."${c}"`;
    return `${value} AS "${alias}_${c}"`;
  }).join(', ');

const sql = `
  SELECT ${columns('s', 'slot')}, ${columns('v', 'service')},
         ${columns('a', 'availability')}, ${columns('p', 'provider')}
    FROM "CalculatedAvailabilitySlot" s
    JOIN "Availability" a ON a."id" = s."availabilityId"
    JOIN "Service" v ON v."id" = s."serviceId"
    JOIN "Provider" p ON p."id" = a."providerId"
   WHERE s."startTime" >= $2 AND s."endTime" <= $3 AND s."status" = 'AVAILABLE'
     AND a."providerId" = $1 AND a."status" = 'ACCEPTED'
   ORDER BY s."startTime" ASC
   LIMIT $4`;

// pick(alias, table): a function that takes the columns of one table out of a joined row; spelled
// out as code once, so that each call is plain property reads.
const pick = (alias, table) =>
  new Function('row', `return { ${Object.keys(tables[table])
    .map((c) => `"${c}": row["${alias}_${c}"]`).join(', ')} };`);

const [slot, service, availability, provider] = [
  pick('s', 'slot'), pick('v', 'service'), pick('a', 'availability'), pick('p', 'provider')];

const shape = (row) => {
  const out = slot(row);
  out.service = service(row);
  out.availability = availability(row);
  out.availability.provider = provider(row);
  return out;
};

const search = async (pool, q) => {
  const { rows } = await pool.query({
    name: 'seed', text: sql, values: [q.providerId, q.from, q.to, q.limit],
  });
  return { data: rows.map(shape) };
};

const object = (properties) => ({ type: 'object', properties });

search.schema = {
  response: {
    200: object({
      data: {
        type: 'array',
        items: object({
          ...tables.slot,
          service: object(tables.service),
          availability: object({ ...tables.availability, provider: object(tables.provider) }),
        }),
      },
    }),
  },
};

module.exports = search;
