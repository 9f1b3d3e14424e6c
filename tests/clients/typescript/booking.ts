// What a program of a clinic's partner does: finds a provider and a slot, books it for a guest, reads the booking
// and cancels it. Its types are those that openapi-typescript makes of the server's document (api.ts), and the
// compiler must be content without being told that something is there, or of another type: that is what it tests.
//     node booking.js http://127.0.0.1:8080    prints what it learnt as JSON
import createClient from 'openapi-fetch';
import type { components, paths } from './api.js';

type Problem = components['schemas']['Problem'];

function failed(what: string, problem: Problem): Error {
  return new Error(`${what}: ${problem.status} ${problem.code}: ${problem.detail ?? problem.title}`);
}

async function main(baseUrl: string) {
  const api = createClient<paths>({ baseUrl });

  const providers = await api.GET('/v1/providers', { params: { query: { online: false, limit: 20 } } });
  if (providers.error) throw failed('providers', providers.error);
  const provider = providers.data.data.find((card) => card.nextSlotId !== null);
  if (!provider) throw new Error('no provider has a free slot');

  const from = new Date(Date.now() + 24 * 3600 * 1000).toISOString(); // what is sooner may be too late to cancel
  const query = { providerId: provider.id, online: false, from, limit: 1 };
  const slots = await api.GET('/v1/slots', { params: { query } });
  if (slots.error) throw failed('slots', slots.error);
  const slot = slots.data.data[0];
  if (!slot) throw new Error('the provider has no free slot');
  const place = slots.data.included?.locations.find((location) => location.id === slot.locationId);

  const body = {
    slotId: slot.id, isOnline: false, guestName: 'Thandi Mokoena', guestEmail: 'thandi@example.org',
  };
  const booked = await api.POST('/v1/bookings', { body });
  if (booked.error) throw failed('booking', booked.error);
  const { id, manageToken, reference } = booked.data;

  const again = await api.POST('/v1/bookings', { body });

  const headers = { Authorization: `Bearer ${manageToken}` };
  const read = await api.GET('/v1/bookings/{id}', { params: { path: { id } }, headers });
  if (read.error) throw failed('reading', read.error);

  const cancelled = await api.POST('/v1/bookings/{id}/cancel', {
    params: { path: { id }, header: { 'If-Match': `"${read.data.version}"` } }, headers,
    body: { reason: 'I am ill' },
  });
  if (cancelled.error) throw failed('cancelling', cancelled.error);

  const seen = {
    provider: provider.name, types: provider.types, place: place?.name ?? null, slot: slot.id, reference,
    startTime: slot.startTime, isSame: read.data.reference === reference && read.data.startTime === slot.startTime,
    status: read.data.status, refusal: again.error?.code ?? null,
    end: cancelled.data.status, version: cancelled.data.version, freed: cancelled.data.slotId === null,
  };
  console.log(JSON.stringify(seen));
}

const address = process.argv[2];
if (address === undefined) throw new Error('say the address of the server');
await main(address);
