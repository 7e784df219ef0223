/** An operator's change of a record. */
export interface Act {
  /** The ARN of the person who asked for it, by IAM: under 700 characters (IAM/latest/UserGuide/reference_iam-quotas.html). */
  who: string;
  /** As the person said it; null if they said nothing. */
  reason: string | null;
  /** The request that asked for it, by API Gateway's id. */
  requestId: string;
}
