import { createMemoryHistory, createMemoryUserData } from '#shared/adapters/memory/private.ts';
import { createMemoryStore } from '#shared/adapters/memory/store.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { privateContract } from './private.ts';
import { storeContract } from './store.ts';

storeContract('memory', async () => createMemoryStore({ timing: defaultTiming }), { ofFirstTries: 5000 });
privateContract('memory', async () => ({ userData: createMemoryUserData(), history: createMemoryHistory() }));
