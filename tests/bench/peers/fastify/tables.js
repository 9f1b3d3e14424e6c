'use strict';
// The tables of the seed's search, as a Prisma client would read them: column -> JSON type.

const text = { type: 'string' };
const orNull = { type: 'string', nullable: true };
const instant = { type: 'string', format: 'date-time' };
const instantOrNull = { type: 'string', format: 'date-time', nullable: true };
const flag = { type: 'boolean' };
const whole = { type: 'integer' };

const slot = {
  id: text, availabilityId: text, serviceId: text, serviceConfigId: text,
  startTime: instant, endTime: instant, status: text, lastCalculated: instant,
  blockedByEventId: orNull, version: whole, createdAt: instant, updatedAt: instant,
};

const service = {
  id: text, name: text, description: orNull, displayPriority: whole, defaultDuration: whole,
  defaultPrice: text, providerTypeId: text, createdAt: instant, updatedAt: instant,
};

const availability = {
  id: text, providerId: text, startTime: instant, endTime: instant, organizationId: orNull,
  locationId: orNull, createdById: text, status: text, acceptedById: orNull,
  acceptedAt: instantOrNull, requiresConfirmation: flag, isOnlineAvailable: flag,
  schedulingRule: text, seriesId: orNull, isRecurring: flag, createdAt: instant,
  updatedAt: instant,
};

const provider = {
  id: text, name: text, userId: text, bio: orNull, image: text,
  languages: { type: 'array', items: text }, website: orNull, email: text, whatsapp: text,
  showPrice: flag, status: text, approvedById: orNull, approvedAt: instantOrNull,
  rejectedAt: instantOrNull, rejectionReason: orNull,
  averageRating: { type: 'number', nullable: true }, totalReviews: whole,
  createdAt: instant, updatedAt: instant,
};

module.exports = { slot, service, availability, provider };
