/** HTTP statuses by error code: 4xx for the caller's mistakes, 5xx for EC2's own (AWSEC2/latest/APIReference/errors-overview.html). */
const statuses = {
  AuthFailure: 401,
  DryRunOperation: 412,
  FilterLimitExceeded: 400,
  IdempotentInstanceTerminated: 400,
  IdempotentParameterMismatch: 400,
  IncorrectInstanceState: 400,
  InstanceLimitExceeded: 400,
  InsufficientInstanceCapacity: 500,
  InternalError: 500,
  InvalidAction: 400,
  'InvalidAMIID.Malformed': 400,
  'InvalidInstanceID.Malformed': 400,
  'InvalidInstanceID.NotFound': 400,
  InvalidPaginationToken: 400,
  InvalidParameterCombination: 400,
  InvalidParameterValue: 400,
  'InvalidSubnetID.NotFound': 400,
  'InvalidUserData.Malformed': 400,
  MalformedQueryString: 400,
  MissingParameter: 400,
  RequestLimitExceeded: 503,
  TagLimitExceeded: 400,
  Unavailable: 503,
  UnauthorizedOperation: 403,
  UnknownParameter: 400,
  UnsupportedHibernationConfiguration: 400,
} as const;

export type Ec2ErrorCode = keyof typeof statuses;

/** What EC2 answers instead of a result. Its code is the `name`, as on the SDK's own errors. */
export class Ec2Error extends Error {
  override readonly name: Ec2ErrorCode;
  readonly status: number;

  constructor(code: Ec2ErrorCode, message: string) {
    super(message);
    this.name = code;
    this.status = statuses[code];
  }
}

/** The call took effect, and nobody will learn of it: the connection is cut in place of an answer. */
export class LostAnswer extends Error {
  override readonly name = 'LostAnswer';
}
