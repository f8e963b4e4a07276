// Envoy's time formats for %START_TIME(...)%: the common strftime conversions, and %f / %3f / %6f / %9f for fractions
// of a second.
const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const months = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October',
  'November', 'December'];
const two = (value: number): string => String(value).padStart(2, '0');

/** Text of a wall time in milliseconds, UTC or local. */
export function strftime(format: string, wallMs: number, local: boolean): string {
  const offsetMinutes = local ? -new Date(wallMs).getTimezoneOffset() : 0;
  const date = new Date(wallMs + offsetMinutes * 60000);
  const nanos = String(Math.floor((wallMs % 1000) * 1e6)).padStart(9, '0');
  const convert = (whole: string, subsecond: string | undefined, digits: string | undefined, letter: string) => {
    if (letter === undefined) {
      const seconds = two(date.getUTCSeconds());
      if (subsecond === undefined || subsecond === '') return seconds;
      return `${seconds}.${nanos.slice(0, subsecond === '*' ? 9 : Number(subsecond))}`;
    }
    switch (letter) {
      case 'Y': return String(date.getUTCFullYear());
      case 'm': return two(date.getUTCMonth() + 1);
      case 'd': return two(date.getUTCDate());
      case 'e': return String(date.getUTCDate()).padStart(2, ' ');
      case 'H': return two(date.getUTCHours());
      case 'I': return two(date.getUTCHours() % 12 || 12);
      case 'p': return date.getUTCHours() < 12 ? 'AM' : 'PM';
      case 'M': return two(date.getUTCMinutes());
      case 'S': return two(date.getUTCSeconds());
      case 'F': return date.toISOString().slice(0, 10);
      case 'T': return date.toISOString().slice(11, 19);
      case 's': return `${Math.floor(wallMs / 1000)}${digits === undefined ? '' : nanos.slice(0, Number(digits))}`;
      case 'f': return nanos.slice(0, digits === undefined ? 9 : Number(digits));
      case 'a': return days[date.getUTCDay()]!.slice(0, 3);
      case 'A': return days[date.getUTCDay()]!;
      case 'b': return months[date.getUTCMonth()]!.slice(0, 3);
      case 'B': return months[date.getUTCMonth()]!;
      case 'y': return two(date.getUTCFullYear() % 100);
      case 'j': return String(dayOfYear(date)).padStart(3, '0');
      case 'Z': return local ? 'LOCAL' : 'UTC';
      case 'z': return zone(offsetMinutes);
      case 'n': return '\n';
      case 't': return '\t';
      case '%': return '%';
      default: return whole;
    }
  };
  return format.replace(/%(?:E([1-9*]?)S|([1-9])?([a-zA-Z%]))/g, convert);
}

function dayOfYear(date: Date): number {
  const year = date.getUTCFullYear();
  return Math.floor((Date.UTC(year, date.getUTCMonth(), date.getUTCDate()) - Date.UTC(year, 0, 0)) / 864e5);
}
function zone(offsetMinutes: number): string {
  const minutes = Math.abs(offsetMinutes);
  return `${offsetMinutes < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}${two(minutes % 60)}`;
}
