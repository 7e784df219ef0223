import { Ec2Error } from './ec2-error.ts';

/** More keys than a thousand instance ids, a full set of tags and filters need. */
const keyLimit = 5000;

/**
 * The parameters of one call in the EC2 query protocol (smithy.io/2.0/aws/protocols/aws-ec2-query-protocol.html):
 * members by name, lists as `Name.1`, `Name.2`, structures as `Name.Member`. Reading a parameter ticks it off;
 * what is left over at the end was not understood.
 */
export class Query {
  private readonly values: ReadonlyMap<string, string>;
  private readonly unread: Set<string>;
  private readonly prefix: string;

  constructor(values: ReadonlyMap<string, string>, unread: Set<string>, prefix = '') {
    this.values = values;
    this.unread = unread;
    this.prefix = prefix;
  }

  /** Throws MalformedQueryString for a key given twice or a number of keys beyond reason. */
  static parse(body: string): Query {
    const values = new Map<string, string>();
    for (const [key, value] of new URLSearchParams(body)) {
      if (values.has(key)) throw new Ec2Error('MalformedQueryString', `The parameter ${key} is given twice`);
      values.set(key, value);
    }
    if (values.size > keyLimit) throw new Ec2Error('MalformedQueryString', 'The query has too many parameters');
    return new Query(values, new Set(values.keys()));
  }

  text(name: string): string | undefined {
    this.unread.delete(this.prefix + name);
    return this.values.get(this.prefix + name);
  }

  /** Throws InvalidParameterValue. */
  integer(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined || /^-?\d{1,9}$/.test(text)) return text === undefined ? undefined : Number(text);
    throw new Ec2Error('InvalidParameterValue', `Invalid value '${text.slice(0, 64)}' for ${name}: not a whole number`);
  }

  /** Throws InvalidParameterValue. */
  flag(name: string): boolean | undefined {
    const text = this.text(name);
    if (text === undefined || text === 'true' || text === 'false')
      return text === undefined ? undefined : text === 'true';
    throw new Ec2Error('InvalidParameterValue', `Invalid value '${text.slice(0, 64)}' for ${name}: true or false`);
  }

  /** One of the words given. Throws InvalidParameterValue. */
  word<const W extends string>(name: string, words: readonly W[]): W | undefined {
    const text = this.text(name);
    const word = words.find((known) => known === text);
    if (text === undefined || word !== undefined) return word;
    throw new Ec2Error('InvalidParameterValue', `Invalid value '${text.slice(0, 64)}' for ${name}`);
  }

  /** `Name.1`, `Name.2`, … up to the first gap; undefined if there is none, as the SDK's own shapes have it. */
  list(name: string): string[] | undefined {
    const items: string[] = [];
    for (let item = this.text(`${name}.1`); item !== undefined; item = this.text(`${name}.${items.length + 1}`)) {
      items.push(item);
    }
    return items.length > 0 ? items : undefined;
  }

  /** `Name.1.Member`, `Name.2.Member`, … each read by `read`; undefined if there is none. */
  structures<T>(name: string, read: (member: Query) => T): T[] | undefined {
    const items: T[] = [];
    for (let member = this.structure(`${name}.1`); member; member = this.structure(`${name}.${items.length + 1}`)) {
      items.push(read(member));
    }
    return items.length > 0 ? items : undefined;
  }

  /** `Name.Member`; undefined if no member is given. */
  structure(name: string): Query | undefined {
    const prefix = `${this.prefix}${name}.`;
    const isGiven = [...this.unread].some((key) => key.startsWith(prefix));
    return isGiven ? new Query(this.values, this.unread, prefix) : undefined;
  }

  /** Throws UnknownParameter if anything was not read: what is not simulated must not seem to work. */
  refuseRest(): void {
    const [first] = this.unread;
    if (first !== undefined)
      throw new Ec2Error('UnknownParameter', `The parameter ${first.slice(0, 128)} is not recognized`);
  }
}
