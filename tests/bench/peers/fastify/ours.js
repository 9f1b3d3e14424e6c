'use strict';
// medbookd's own search, as lua/routes/slots.lua asks it: the slots of a page, and beside them the
// provider, the services and the places, once each.

module.exports = (texts) => {
  const sql = JSON.parse(texts);
  return async (pool, q) => {
    const [slots, facts] = await Promise.all([
      pool.query({
        name: 'search', text: sql['slots.search'],
        values: [q.providerId, null, null, q.from, q.to, null, q.limit, null, null],
      }),
      pool.query({ name: 'facts', text: sql['slots.facts'], values: [q.providerId, null, null] }),
    ]);
    const last = slots.rows[slots.rows.length - 1];
    const nextCursor = slots.rows.length < q.limit ? null
      : Buffer.from(JSON.stringify([last.startTime, last.id])).toString('base64url');
    return { data: slots.rows, nextCursor, facts: facts.rows };
  };
};
