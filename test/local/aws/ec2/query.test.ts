import { describe, expect, it } from 'vitest';
import { Query } from '#local/aws/ec2/query.ts';

describe('Query', () => {
  it('reads members, lists and structures, one within the other', () => {
    const query = Query.parse('A=1&L.1=x&L.2=y&S.1.N=n&S.1.V.1=a+b&S.1.V.2=%26&S.2.N=m&P.Q.R=true');
    expect(query.integer('A')).toBe(1);
    expect(query.list('L')).toEqual(['x', 'y']);
    expect(query.structures('S', (s) => [s.text('N'), s.list('V')])).toEqual([
      ['n', ['a b', '&']],
      ['m', undefined],
    ]);
    expect(query.structure('P')?.structure('Q')?.flag('R')).toBe(true);
    expect(() => query.refuseRest()).not.toThrow();
  });

  it('has undefined for what is not there, as the SDK’s shapes do', () => {
    const query = Query.parse('');
    expect([query.text('A'), query.integer('A'), query.flag('A'), query.word('A', ['x'])]).toEqual(
      Array(4).fill(undefined),
    );
    expect([query.list('A'), query.structures('A', () => 1), query.structure('A')]).toEqual(Array(3).fill(undefined));
  });

  it('names the first parameter that nobody read', () => {
    const query = Query.parse('L.1=x&L.3=z');
    expect(query.list('L')).toEqual(['x']);
    expect(() => query.refuseRest()).toThrow(
      expect.objectContaining({ name: 'UnknownParameter', message: 'The parameter L.3 is not recognized' }),
    );
  });

  it('refuses values of the wrong kind, double keys and far too many', () => {
    const query = Query.parse('A=1x&B=maybe');
    const refusal = (name: string) => expect.objectContaining({ name });
    expect(() => query.integer('A')).toThrow(refusal('InvalidParameterValue'));
    expect(() => query.flag('B')).toThrow(refusal('InvalidParameterValue'));
    expect(() => query.word('B', ['yes', 'no'])).toThrow(refusal('InvalidParameterValue'));
    expect(() => Query.parse('A=1&A=2')).toThrow(refusal('MalformedQueryString'));
    const many = Array.from({ length: 5001 }, (_, i) => `K.${i}=`).join('&');
    expect(() => Query.parse(many)).toThrow(refusal('MalformedQueryString'));
  });

  it('is not confused by names that objects have', () => {
    const query = Query.parse('__proto__.1=x&constructor=y');
    expect(query.list('__proto__')).toEqual(['x']);
    expect(query.text('constructor')).toBe('y');
    expect(query.text('toString')).toBeUndefined();
  });
});
