/** An agent as a simulated instance runs it: its machine is this process's parent, and it ends with it. */
process.stdin.resume();
process.stdin.once('end', () => process.exit(1));
process.stdin.once('error', () => process.exit(1));
await import('#agent/main.ts');
process.exit(0);
