import type { Section } from './attack.ts';

export const accounts: Section = {
  title: 'Accounts, Regions, partitions',
  attacks: [
    {
      number: 57,
      attack: 'A genuine document of an account that is not registered',
      codes: ['refused'],
      layer: 'decision',
    },
    {
      number: 58,
      attack: 'A registered account in a Region or partition that it is not registered in',
      codes: ['refused'],
      layer: 'accounts',
    },
    {
      number: 59,
      attack: 'The same instance id in two accounts',
      codes: [],
      harmless: 'Every key contains the account and the Region, so Muster has two records.',
      layer: 'binding',
    },
    {
      number: 60,
      attack: 'An account that has left the organization since its members were last read',
      codes: ['refused'],
      harmless:
        'Muster keeps no list of the organization’s accounts. An account counts while the configuration names it, and the credentials for it are valid for 15 minutes at most.',
      layer: 'accounts',
    },
    {
      number: 61,
      attack: 'Request members that should become part of a role name, a host name or an external id',
      codes: [],
      harmless: 'Muster takes these from its configuration, by the registered account.',
      layer: 'members',
    },
  ],
};
