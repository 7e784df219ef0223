/** The imports that docs/design/architecture.md ("rooms") allows, as rules that `npm run check` holds. */
const rule = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

module.exports = {
  forbidden: [
    rule(
      'domain-is-pure',
      'shared/domain imports nothing but itself and the protocol',
      { path: '^shared/domain/' },
      { pathNot: '^(shared/domain|protocol)/' },
    ),
    rule(
      'identity-is-offline',
      'shared/identity verifies: it knows problems, keys and cryptography, nothing that waits',
      { path: '^shared/identity/', pathNot: 'generate-anchors' },
      { path: '^(shared/(app|adapters|http|observe|config)|functions|local|cli|agent)|node:(fs|http|net)' },
    ),
    rule(
      'app-knows-no-adapter',
      'use cases declare the ports that they need',
      { path: '^shared/app/' },
      { path: '^(shared/(adapters|http|observe|config)|functions|local|cli|agent)|@aws-sdk|@middy' },
    ),
    rule(
      'adapters-know-no-function',
      'adapters implement ports',
      { path: '^shared/adapters/' },
      { path: '^(functions|local|cli|agent|shared/http)' },
    ),
    rule(
      'functions-import-no-other',
      'a function shares make-handler.ts and make-routes-handler.ts with the others and nothing else',
      { path: '^functions/' },
      { path: '^(functions/(?!make-(?:routes-)?handler\\.ts)|local|cli|agent)' },
    ),
    rule(
      'product-knows-no-local-region',
      'no branch in product code knows about the local region',
      { path: '^(functions|shared|agent)/' },
      { path: '^(local|test|bench)/' },
    ),
    rule(
      'hot-path-without-ec2',
      'the event path never calls EC2',
      { path: '^functions/(on-instance-changed|enroll|checkin|tick|sweep)\\.ts$' },
      { path: 'adapters/aws/(ec2|deployment-ec2)|client-ec2' },
    ),
    rule(
      'protocol-stands-alone',
      'agent and Muster both import the protocol: it depends on nothing, not even on Node',
      { path: '^protocol/' },
      { pathNot: '^protocol/' },
    ),
    rule(
      'agent-knows-protocol-alone',
      'the agent imports its own files, the protocol and Node, so that it can be shipped without the rest',
      { path: '^agent/' },
      { pathNot: '^(agent|protocol)/', dependencyTypesNot: ['core'] },
    ),
    rule(
      'one-file-translates-items',
      'table.ts translates values for DynamoDB, so that all items are written with the same options',
      { path: '^(functions|shared)/', pathNot: '^shared/adapters/dynamo/table\\.ts$' },
      { path: 'util-dynamodb' },
    ),
    rule('no-cycles', 'a cycle hides which comes first', {}, { circular: true }),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'types'],
      extensions: ['.ts', '.js', '.json'],
    },
  },
};
