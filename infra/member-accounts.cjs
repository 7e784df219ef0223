const ownAccount = { Ref: 'AWS::AccountId' };
const isOwn = (account) => ({ 'Fn::Equals': [ownAccount, account] });
const not = (condition) => ({ 'Fn::Not': [condition] });

/**
 * What the templates know of the parameter `accounts`: CloudFormation cannot read JSON. Each account that is written as a number is a
 * member, unless it is the one that is deployed in; which one that is, only the deployment knows. (osls runs JavaScript alone.)
 */
module.exports = async ({ resolveVariable }) => {
  const stage = await resolveVariable('sls:stage');
  const accounts = Object.keys(JSON.parse(await resolveVariable('param:accounts')));
  const listed = accounts.filter((account) => /^\d{12}$/.test(account));
  const ifMember = (account, value) => ({ 'Fn::If': [`IsMember${account}`, value, { Ref: 'AWS::NoValue' }] });
  const roleIn = (account) => ({ 'Fn::Sub': `arn:\${AWS::Partition}:iam::${account}:role/muster-${stage}-member` });
  const conditions = listed.map((account) => [`IsMember${account}`, not(isOwn(account))]);
  // Where there are none the lists are not used, but must be lists of the right things: the own account's
  const none = listed.length === 0;
  return {
    accounts: none ? [ownAccount] : listed.map((account) => ifMember(account, account)),
    roles: none ? [roleIn(`\${AWS::AccountId}`)] : listed.map((account) => ifMember(account, roleIn(account))),
    template: {
      Conditions: {
        HasMembers: none ? isOwn('none') : not(isOwn(listed.join())),
        ...Object.fromEntries(conditions),
      },
    },
  };
};
