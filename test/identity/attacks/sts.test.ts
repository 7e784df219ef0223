import { allOf, performedBy } from './attack.ts';

const shapes = 'identity/enrollment-request.test.ts';
const hosts = 'identity/sts-hosts.test.ts';
const requests = 'identity/sts-request.test.ts';
const answers = 'identity/sts-answer.test.ts';
const calls = 'adapters/aws/sts.test.ts';
const enrollments = 'app/enrollment/enroll-sts.test.ts';

const noSay = 'is malformed at %s when an sts proof has %j';
const otherRequest = 'is of no use when it was made over %s (attacks 78, 79, 80, 82)';
const wholeRequest = 'writes the whole request (attacks 79, 80, 82)';
const sent = 'sends what was built and returns what was answered';

performedBy(78, 'malformed_request', shapes, noSay);
performedBy(78, 'sts_unknown_region', hosts, 'has none for %j, and none by default (attack 78)');
performedBy(78, 'sts_unknown_region', requests, 'is made for no Region that the table lacks (attack 78)');
performedBy(78, 'sts_refused', requests, 'is of no use for %s (attacks 78, 81)');
performedBy(78, 'sts_refused', requests, otherRequest);
performedBy(78, 'harmless', requests, 'goes to the host of %s, and is signed for it');
performedBy(78, 'harmless', calls, 'looks at no variable of the environment (attack 78)');

performedBy(79, 'malformed_request', shapes, noSay);
performedBy(79, 'sts_refused', requests, otherRequest);
performedBy(79, 'harmless', requests, wholeRequest);
performedBy(79, 'harmless', calls, sent);

performedBy(80, 'malformed_request', shapes, noSay);
performedBy(80, 'malformed_request', shapes, 'is malformed when an sts proof names a member twice (attack 80)');
performedBy(80, 'sts_refused', requests, otherRequest);
performedBy(80, 'sts_refused', requests, 'is of no use when %s was not signed, or was signed twice (attack 80)');
performedBy(80, 'harmless', requests, wholeRequest);

performedBy(81, 'sts_refused', requests, 'is of no use for any other purpose, whatever it is (attack 81)');
performedBy(81, 'sts_refused', enrollments, 'is refused where the signature was made for another %s');

performedBy(82, 'malformed_request', shapes, noSay);
performedBy(82, 'sts_refused', requests, otherRequest);
performedBy(82, 'harmless', requests, wholeRequest);
performedBy(82, 'harmless', calls, sent);

performedBy(83, 'sts_unavailable', calls, 'is a redirect: %s is not followed (attack 83)');
performedBy(83, 'sts_unavailable', calls, 'is of another content type: %s (attack 83)');
performedBy(83, 'sts_unavailable', calls, 'is longer than 64 KiB (attack 83)');
performedBy(83, 'sts_unavailable', answers, 'takes nothing for an answer that has %s (attack 83)');
performedBy(83, 'sts_unavailable', enrollments, 'comes back where STS cannot be heard: never refused, never accepted');

performedBy(84, 'sts_not_instance_role', answers, 'takes no other caller for an instance: %s (attack 84)');
const sessionName = 'may not be a role whose session somebody named like the instance (attack 84)';
performedBy(84, 'sts_not_instance_role', answers, sessionName);

performedBy(85, 'sts_other_instance', answers, 'may not be %s (attack 85)');
const foreignCredentials = 'is refused by another instance’s credentials, and both are named';
performedBy(85, 'sts_other_instance', enrollments, foreignCredentials);

performedBy(86, 'clock_skew', requests, 'refuses one %s seconds off, with both times (attack 86)');
performedBy(86, 'clock_skew', requests, 'is not alone: STS finds %s minutes off too much as well (attack 86)');
performedBy(86, 'clock_skew', answers, 'is about the clock for %s: %s (attack 86)');
performedBy(86, 'clock_skew', enrollments, 'is told of a clock that is off before anything is asked');

allOf('The STS proof');
