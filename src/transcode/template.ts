// Path templates of google.api.http:
//
//   Template = "/" | "/" Segments [ ":" LITERAL ]      Segment  = "*" | "**" | LITERAL | Variable
//   Segments = Segment { "/" Segment }                 Variable = "{" IDENT { "." IDENT } [ "=" Segments ] "}"

/** A variable takes the segments [start, end); with `open`, `end` is counted from the path's end: -1 = all. */
export interface Variable { fieldPath: string[]; start: number; end: number; open: boolean }
export interface Template { segments: string[]; verb: string; variables: Variable[] }

export const ANY_SEGMENT = '*';
export const ANY_SEGMENTS = '**';

/** Null: it is not a template. */
export function parseTemplate(text: string): Template | null {
  if (text === '/') return { segments: [], verb: '', variables: [] };
  const parser = new TemplateParser(text);
  if (!parser.template()) return null;
  const { segments, verb, variables } = parser;
  // Behind a "**" there are literals only.
  const open = segments.indexOf(ANY_SEGMENTS);
  if (open >= 0 && segments.slice(open + 1).some((segment) => segment === ANY_SEGMENT || segment === ANY_SEGMENTS))
    return null;
  for (const variable of variables) if (variable.open) variable.end -= segments.length + 1;
  return { segments, verb, variables };
}

class TemplateParser {
  readonly segments: string[] = [];
  readonly variables: Variable[] = [];
  verb = '';
  private at = 0;
  private variable: Variable | null = null;

  constructor(private readonly text: string) {}

  template(): boolean {
    if (!this.take('/') || !this.segmentList()) return false;
    if (this.take(':')) {
      this.verb = this.literal();
      if (this.verb === '') return false;
    }
    return this.at === this.text.length;
  }

  private segmentList(): boolean {
    do if (!this.segment()) return false; while (this.take('/'));
    return true;
  }

  private segment(): boolean {
    if (this.take('{')) return this.variablePart();
    if (this.take('*')) {
      const open = this.take('*');
      this.segments.push(open ? ANY_SEGMENTS : ANY_SEGMENT);
      if (open && this.variable !== null) this.variable.open = true;
      return true;
    }
    const literal = this.literal();
    this.segments.push(literal);
    return literal !== '';
  }

  private variablePart(): boolean {
    if (this.variable !== null) return false;                            // none inside another
    const variable: Variable = { fieldPath: [], start: this.segments.length, end: 0, open: false };
    this.variable = variable;
    this.variables.push(variable);
    do {
      const name = this.until(/[.}=]/g);
      if (name === '') return false;
      variable.fieldPath.push(name);
    } while (this.take('.'));
    if (!this.take('=')) this.segments.push(ANY_SEGMENT);
    else if (!this.segmentList()) return false;
    variable.end = this.segments.length;
    this.variable = null;
    return this.take('}');
  }

  private literal(): string { return this.until(/[/:}]/g); }

  private until(stop: RegExp): string {
    stop.lastIndex = this.at;
    const found = stop.exec(this.text);
    const from = this.at;
    this.at = found === null ? this.text.length : found.index;
    return this.text.slice(from, this.at);
  }

  private take(letter: string): boolean {
    if (this.text[this.at] !== letter) return false;
    this.at++;
    return true;
  }
}
