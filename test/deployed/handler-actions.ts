/**
 * What CloudFormation does for a resource of each type, with the permissions of whoever deploys: the `handlers` of the type's schema
 * (cloudformation-cli/latest/userguide/resource-type-schema.html), without what serves properties that our template leaves out, and
 * without the deletion of what it retains. Types whose schema names no handlers have what their API needs.
 */
const byService: Record<string, Record<string, string>> = {
  'AWS::ApiGatewayV2::Api': { apigateway: 'GET POST PUT PATCH DELETE' },
  'AWS::ApiGatewayV2::Integration': { apigateway: 'GET POST PATCH DELETE' },
  'AWS::ApiGatewayV2::Route': { apigateway: 'GET POST PATCH DELETE' },
  'AWS::ApiGatewayV2::Stage': {
    apigateway: 'GET POST PATCH DELETE TagResource',
    logs: 'CreateLogDelivery GetLogDelivery UpdateLogDelivery DeleteLogDelivery ListLogDeliveries PutResourcePolicy DescribeResourcePolicies DescribeLogGroups',
  },
  'AWS::CloudWatch::Alarm': {
    cloudwatch: 'PutMetricAlarm DescribeAlarms DeleteAlarms TagResource UntagResource ListTagsForResource',
  },
  'AWS::DynamoDB::Table': {
    dynamodb:
      'CreateTable DescribeTable UpdateTable DescribeTimeToLive UpdateTimeToLive DescribeContinuousBackups UpdateContinuousBackups DescribeContributorInsights DescribeKinesisStreamingDestination GetResourcePolicy ListTagsOfResource TagResource UntagResource',
  },
  'AWS::Events::EventBus': {
    events: 'CreateEventBus DescribeEventBus DeleteEventBus TagResource UntagResource ListTagsForResource',
  },
  'AWS::Events::EventBusPolicy': { events: 'PutPermission DescribeEventBus RemovePermission' },
  'AWS::Events::Rule': {
    events: 'PutRule DescribeRule DeleteRule PutTargets RemoveTargets ListTargetsByRule TagResource UntagResource',
    iam: 'PassRole',
  },
  'AWS::IAM::ManagedPolicy': {
    iam: 'CreatePolicy GetPolicy DeletePolicy CreatePolicyVersion GetPolicyVersion DeletePolicyVersion ListPolicyVersions ListEntitiesForPolicy',
  },
  'AWS::IAM::Role': {
    iam: 'CreateRole GetRole DeleteRole UpdateAssumeRolePolicy PutRolePolicy GetRolePolicy DeleteRolePolicy ListRolePolicies ListAttachedRolePolicies TagRole UntagRole',
  },
  'AWS::Lambda::EventInvokeConfig': {
    lambda:
      'PutFunctionEventInvokeConfig GetFunctionEventInvokeConfig UpdateFunctionEventInvokeConfig DeleteFunctionEventInvokeConfig',
  },
  'AWS::Lambda::EventSourceMapping': {
    lambda:
      'CreateEventSourceMapping GetEventSourceMapping UpdateEventSourceMapping DeleteEventSourceMapping ListTags TagResource UntagResource',
  },
  'AWS::Lambda::Function': {
    lambda:
      'CreateFunction GetFunction DeleteFunction UpdateFunctionCode UpdateFunctionConfiguration GetFunctionCodeSigningConfig GetRuntimeManagementConfig PutFunctionConcurrency DeleteFunctionConcurrency ListTags TagResource UntagResource',
    iam: 'PassRole',
    s3: 'GetObject',
  },
  'AWS::Lambda::Permission': { lambda: 'AddPermission RemovePermission GetPolicy' },
  'AWS::Logs::LogGroup': {
    logs: 'CreateLogGroup DescribeLogGroups DeleteLogGroup PutRetentionPolicy DeleteRetentionPolicy GetDataProtectionPolicy DescribeIndexPolicies DescribeResourcePolicies ListTagsForResource TagResource UntagResource',
  },
  'AWS::S3::Bucket': {
    s3: 'CreateBucket DeleteBucket ListBucket PutBucketTagging PutBucketVersioning PutBucketOwnershipControls PutBucketPublicAccessBlock PutEncryptionConfiguration PutLifecycleConfiguration GetBucketAcl GetBucketTagging GetBucketVersioning GetBucketOwnershipControls GetBucketPublicAccessBlock GetBucketCORS GetBucketLogging GetBucketNotification GetBucketWebsite GetBucketObjectLockConfiguration GetBucketMetadataTableConfiguration GetAccelerateConfiguration GetAnalyticsConfiguration GetEncryptionConfiguration GetIntelligentTieringConfiguration GetInventoryConfiguration GetLifecycleConfiguration GetMetricsConfiguration GetReplicationConfiguration',
  },
  'AWS::S3::BucketPolicy': { s3: 'GetBucketPolicy PutBucketPolicy DeleteBucketPolicy' },
  'AWS::SQS::Queue': {
    sqs: 'CreateQueue GetQueueUrl GetQueueAttributes SetQueueAttributes DeleteQueue ListQueueTags TagQueue UntagQueue',
  },
  'AWS::SQS::QueuePolicy': { sqs: 'SetQueueAttributes' },
};

/** The actions for a type, such as `sqs:CreateQueue`; undefined for a type that nobody has looked at. */
export function handlerActions(type: string): string[] | undefined {
  const services = byService[type];
  return (
    services &&
    Object.entries(services).flatMap(([service, names]) => names.split(' ').map((name) => `${service}:${name}`))
  );
}
