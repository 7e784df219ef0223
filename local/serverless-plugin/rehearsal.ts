/** A stack that listens to another source than EC2's own is for an emulator. */
export const isRehearsal = (eventSource: string): boolean => eventSource !== 'aws.ec2';

/**
 * Why a stack must not be packaged, or undefined. Whoever may put events on a bus could write EC2's history through any source
 * but `aws.ec2`, which EventBridge reserves (`NotAuthorizedForSource`); so another source goes only with identities that are
 * for tests as well, and those load nowhere but in front of an emulator.
 */
export function rehearsalRefusal(eventSource: string, testAnchors: string): string | undefined {
  if (!isRehearsal(eventSource) || testAnchors !== '') return undefined;
  return `The event source "${eventSource}" is for rehearsals: set testAnchors too, or leave eventSource at aws.ec2.`;
}
