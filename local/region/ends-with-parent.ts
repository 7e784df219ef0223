/** Preloaded (`node --import`) into a child whose standard input is a pipe: the process ends with its parent, however that ended. */
const end = () => process.exit(1);
process.stdin.once('end', end).once('error', end).resume().unref();
