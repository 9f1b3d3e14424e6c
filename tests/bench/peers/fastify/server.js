'use strict';
// The Node peer of slot search: Fastify with node-postgres. Started by lib/fastify.sh with
//   node server.js PORT seed|ours ACCESS_LOG(on|off) POOL_SIZE [SQL_FILE]
// "seed" asks the query of an existing Prisma client (slot, service, availability, provider) as
// one join; "ours" runs medbookd's own search statement, read from SQL_FILE, so that what is left
// to compare is the server.

const fs = require('node:fs');
const fastify = require('fastify');
const { Pool } = require('pg');

const [port, mode, accessLog, poolSize, sqlFile] = process.argv.slice(2);
const search = mode === 'seed' ? require('./seed') : require('./ours')(fs.readFileSync(sqlFile, 'utf8'));

const pool = new Pool({ max: Number(poolSize) }); // PGHOST, PGDATABASE, PGUSER
const app = fastify({ logger: accessLog === 'on', disableRequestLogging: true });
if (accessLog === 'on') {
  app.addHook('onResponse', async (req, reply) => {
    req.log.info({ method: req.method, url: req.url, status: reply.statusCode, ms: reply.elapsedTime });
  });
}

app.get('/v1/slots', {
  schema: {
    querystring: {
      type: 'object',
      required: ['providerId', 'from', 'to'],
      properties: {
        providerId: { type: 'string' },
        from: { type: 'string', format: 'date-time' },
        to: { type: 'string', format: 'date-time' },
        limit: { type: 'integer', minimum: 1, maximum: 100, default: 50 },
      },
    },
    ...search.schema,
  },
}, (req) => search(pool, req.query));

app.get('/livez', async () => ({ ok: true }));

app.listen({ port: Number(port), host: '127.0.0.1' }).catch((e) => {
  console.error(e);
  process.exit(1);
});
process.on('SIGTERM', () => process.exit(0));
