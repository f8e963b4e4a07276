// What went wrong with values of a message. As in protobuf's converter the last report counts, and all of a text is
// read before anybody looks.
export class ValueFailures {
  text = '';
  get any(): boolean { return this.text !== ''; }

  invalidName(place: string, message: string): void { this.text = `${place}: ${message}`; }
  invalidValue(place: string, type: string, value: string): void {
    this.text = `${place}: invalid value ${value} for type ${type}`;
  }
  missingField(place: string, name: string): void { this.text = `${place}: missing field ${name}`; }
}
