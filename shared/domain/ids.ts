/** The forms of the ids that Muster reads, each once. Patterns match a whole text. */

/** An AWS account: twelve digits (accounts/latest/reference/manage-acct-identifiers.html). */
export const accountPattern = /^\d{12}$/;

/** A Region of any partition, such as `us-east-1` or `us-gov-west-1`. Whether the Region exists is not checked here. */
export const regionPattern = /^[a-z]{2,4}(?:-[a-z]+){1,3}-\d{1,2}$/;

/** An EC2 instance: 8 hexadecimal digits, or 17 since 2016 (AWSEC2/latest/UserGuide/resource-ids.html). */
export const instanceIdPattern = /^i-(?:[0-9a-f]{8}|[0-9a-f]{17})$/;

/** A machine image. */
export const imageIdPattern = /^ami-(?:[0-9a-f]{8}|[0-9a-f]{17})$/;

/** The public half of an Ed25519 key, or the thumbprint of one: 32 bytes in base64url without padding. */
export const bytes32Pattern = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;

/** A record that Muster named: a server (`srv_…`), an enrollment key (`key_…`) or a launch (`lch_…`). */
export const recordIdPattern = /^[a-z]{3}_[0-9a-z]{1,64}$/;

/** A launch, as `newId` makes it: 32 hexadecimal digits. */
export const launchIdPattern = /^lch_[0-9a-f]{32}$/;

const matches =
  (pattern: RegExp) =>
  (value: unknown): value is string =>
    typeof value === 'string' && pattern.test(value);

export const isAccount = matches(accountPattern);
export const isRegion = matches(regionPattern);
export const isInstanceId = matches(instanceIdPattern);
