import { describeInstancesAnswer, reservationElements, stateChangesAnswer } from './answers.ts';
import { Ec2Error } from './ec2-error.ts';
import { type Operation, operations } from './operations.ts';
import type { Query } from './query.ts';
import type { Ec2Region } from './region.ts';
import {
  readCreateTags,
  readDescribeInstances,
  readInstanceIds,
  readRunInstances,
  readStopInstances,
} from './requests.ts';
import type { Place } from './simulated-instance.ts';
import { renderXml, type XmlElements } from './xml.ts';

type Run = (region: Ec2Region, place: Place) => XmlElements;

const done = { return: true };

/** Reading comes first and whole: a request that is not understood has no effect. */
const readers: Record<Operation, (query: Query) => Run> = {
  DescribeInstances: (query) => {
    const input = readDescribeInstances(query);
    return (region, place) => describeInstancesAnswer(region.describeInstances(place, input));
  },
  RunInstances: (query) => {
    const input = readRunInstances(query);
    return (region, place) => reservationElements(region.runInstances(place, input));
  },
  StartInstances: (query) => {
    const input = readInstanceIds(query);
    return (region, place) => stateChangesAnswer(region.startInstances(place, input).StartingInstances);
  },
  StopInstances: (query) => {
    const input = readStopInstances(query);
    return (region, place) => stateChangesAnswer(region.stopInstances(place, input).StoppingInstances);
  },
  TerminateInstances: (query) => {
    const input = readInstanceIds(query);
    return (region, place) => stateChangesAnswer(region.terminateInstances(place, input).TerminatingInstances);
  },
  RebootInstances: (query) => {
    const input = readInstanceIds(query);
    return (region, place) => {
      region.rebootInstances(place, input);
      return done;
    };
  },
  CreateTags: (query) => {
    const input = readCreateTags(query);
    return (region, place) => {
      region.createTags(place, input);
      return done;
    };
  },
};

/** The only version of the API: AWSEC2/latest/APIReference/Welcome.html */
const apiVersion = '2016-11-15';

/** Carries out one call and gives its XML. Throws Ec2Error or LostAnswer. */
export function dispatch(region: Ec2Region, place: Place, query: Query, requestId: string): string {
  const action = query.text('Action');
  const version = query.text('Version');
  const operation = operations.find((known) => known === action);
  if (!operation || version !== apiVersion) {
    throw new Ec2Error('InvalidAction', `The action ${action} is not valid for this web service (version ${version}).`);
  }
  const run = readers[operation](query);
  query.refuseRest();
  const attributes = ` xmlns="http://ec2.amazonaws.com/doc/${apiVersion}/"`;
  return renderXml(`${operation}Response`, { requestId, ...run(region, place) }, attributes);
}

/** The body of a refusal: AWSEC2/latest/APIReference/errors-overview.html, "Example error response". */
export function errorXml(error: Ec2Error, requestId: string): string {
  const { name, message } = error;
  return renderXml('Response', { Errors: { Error: { Code: name, Message: message } }, RequestID: requestId });
}
