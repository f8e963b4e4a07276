// Reads src/xds/wire/fields.txt, the list of what of Envoy's API is accepted; its own head describes the form.

/**
 * fields.txt as { messages: name -> Map(field -> {status, only, add, note}), any: [name] }. Throws with the line of the
 * first fault.
 */
export function readFields(text) {
  const messages = new Map(), any = [];
  let fields = null;
  text.split('\n').forEach((line, index) => {
    if (line.startsWith('#') || line.trim() === '') return;
    if (!line.startsWith(' ')) {
      const words = line.trim().split(' ');
      const name = words.at(-1);
      if (words.length === 2) any.push(name);
      if (messages.has(name)) throw new Error(`fields.txt:${index + 1}: ${name} is listed twice`);
      messages.set(name, fields = new Map());
      return;
    }
    const noteAt = line.indexOf(' # ');
    const note = noteAt < 0 ? '' : line.slice(noteAt + 3).trim();
    const [name, status, ...rest] = (noteAt < 0 ? line : line.slice(0, noteAt)).trim().split(/\s+/);
    if (!['read', 'inert', 'only'].includes(status)) throw new Error(`fields.txt:${index + 1}: bad status ${status}`);
    if (fields.has(name)) throw new Error(`fields.txt:${index + 1}: ${name} is listed twice`);
    const plus = rest.indexOf('+');
    const repeated = plus >= 0 && rest[plus + 1] === 'repeated';
    const [type, id, ...rules] = rest.slice(plus + (repeated ? 2 : 1));
    const add = plus < 0 ? null : { type, id: Number(id), rules, repeated };
    fields.set(name, { status, only: status === 'only' ? rest.map((value) => JSON.parse(value)) : null, add, note });
  });
  return { messages, any };
}
