/**
 * Processor time that this process has taken since, in milliseconds. For bounds on work: other processes on the machine
 * do not count, as they would on a clock.
 */
export function processorTime(): () => number {
  const before = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  };
}
