// The process's own keys of session tickets: a new one seals, the ones before it open for a while.
import t from 'tap';
import { limits } from '../../src/core/limits.js';
import { TicketKeys } from '../../src/dispatcher/ticket-keys.js';

t.test('keys of tickets move on, and everybody is told', async (t) => {
  const told: (readonly string[])[] = [];
  const tickets = new TicketKeys((keys) => told.push(keys));
  const [first] = tickets.keys;
  t.equal(Buffer.from(first!, 'base64').length, 80);
  tickets.rotate();
  t.equal(tickets.keys.length, 2);
  t.not(tickets.keys[0], first);
  t.equal(tickets.keys[1], first);
  t.same(told, [tickets.keys]);
  for (let i = 0; i < limits.ticketKeysMax; i++) tickets.rotate();
  t.equal(tickets.keys.length, limits.ticketKeysMax);
  t.notOk(tickets.keys.includes(first!), 'too old to open anything');
  t.equal(new Set(tickets.keys).size, limits.ticketKeysMax);
});
