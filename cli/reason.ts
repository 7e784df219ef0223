import { Option } from 'commander';

/** The option for why an operator asks for a change. Muster checks the text. */
export const reasonOption = (): Option => new Option('--reason <text>', 'why, for whoever reads the log later');
